package zookeeper

import (
	"context"
	"time"

	"github.com/go-zookeeper/zk"
)

// Lock is the client's recipe: a queue of ephemeral nodes.
func (c *client) Lock(_ context.Context, name string) error {
	l := zk.NewLock(c.conn, path(name), zk.WorldACL(zk.PermAll))
	if err := l.Lock(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.locks[name] = l
	return nil
}

// Unlock gives up what Lock took.
func (c *client) Unlock(_ context.Context, name string) error {
	c.mu.Lock()
	l := c.locks[name]
	c.mu.Unlock()
	return l.Unlock()
}

// Abandon locks in a session of the shortest time, and cuts it off.
func (c *client) Abandon(ctx context.Context, name string) (over time.Time, err error) {
	const shortest = 4 * time.Second // two ticks
	other, err := connect(ctx, c.address, shortest)
	if err != nil {
		return over, err
	}
	over = time.Now().Add(shortest)
	if err := other.Lock(ctx, name); err != nil {
		return over, err
	}
	other.kill()
	go other.conn.Close() // which waits for a server that it does not reach
	return over, nil
}

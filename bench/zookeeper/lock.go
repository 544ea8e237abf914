package zookeeper

import (
	"context"
	"time"

	"github.com/go-zookeeper/zk"
)

// Lock uses the lock recipe of the library, a queue of ephemeral nodes.
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

// Unlock releases a lock of Lock.
func (c *client) Unlock(_ context.Context, name string) error {
	c.mu.Lock()
	l := c.locks[name]
	c.mu.Unlock()
	return l.Unlock()
}

// Abandon locks in a session with the minimum timeout and closes its connection.
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
	go other.conn.Close() // Close waits for the server, which is not reachable
	return over, nil
}

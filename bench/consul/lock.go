package consul

import (
	"context"
	"time"

	"github.com/hashicorp/consul/api"
)

// lock acquires a key with a session by the lock recipe of the official client.
func (c *client) lock(ctx context.Context, name, session string) (*api.Lock, error) {
	l, err := c.consul.LockOpts(&api.LockOptions{Key: name, Session: session})
	if err != nil {
		return nil, err
	}
	held, err := l.Lock(ctx.Done())
	if err == nil && held == nil {
		err = ctx.Err() // ctx has ended
	}
	return l, err
}

// Lock waits until the key is free and acquires it.
func (c *client) Lock(ctx context.Context, name string) error {
	id, err := c.own(ctx)
	if err != nil {
		return err
	}
	l, err := c.lock(ctx, name, id)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.locks == nil {
		c.locks = make(map[string]*api.Lock)
	}
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

// Abandon locks with a session of the minimum TTL, which is never renewed.
func (c *client) Abandon(ctx context.Context, name string) (over time.Time, err error) {
	const shortest = 10 * time.Second
	over = time.Now().Add(shortest)
	id, err := c.create(ctx, shortest)
	if err != nil {
		return over, err
	}
	_, err = c.lock(ctx, name, id)
	return over, err
}

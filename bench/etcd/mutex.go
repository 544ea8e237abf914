package etcd

import (
	"context"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"

	"github.com/lockd/lockd/bench/system"
)

// mutex returns the mutex recipe of the official client, with the client's session. The first call creates the session.
func (c *client) mutex(name string, ttl time.Duration) (*concurrency.Mutex, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		s, err := concurrency.NewSession(c.etcd, concurrency.WithTTL(int(ttl/time.Second)))
		if err != nil {
			return nil, err
		}
		c.session = s
	}
	return concurrency.NewMutex(c.session, name), nil
}

// Lock waits until all earlier keys of the mutex are deleted.
func (c *client) Lock(ctx context.Context, name string) error {
	m, err := c.mutex(name, system.TTL)
	if err != nil {
		return err
	}
	if err := m.Lock(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mutexes == nil {
		c.mutexes = make(map[string]*concurrency.Mutex)
	}
	c.mutexes[name] = m
	return nil
}

// Unlock releases a mutex of Lock.
func (c *client) Unlock(ctx context.Context, name string) error {
	c.mu.Lock()
	m := c.mutexes[name]
	c.mu.Unlock()
	return m.Unlock(ctx)
}

// Abandon stops the renewal of the session once it holds the mutex.
func (c *client) Abandon(ctx context.Context, name string) (over time.Time, err error) {
	const shortest = 2 * time.Second // 1.5 election timeouts, in whole seconds
	m, err := c.mutex(name, shortest)
	if err != nil {
		return over, err
	}
	over = time.Now().Add(shortest) // no later request renews the session
	err = m.Lock(ctx)
	c.session.Orphan()
	return over, err
}

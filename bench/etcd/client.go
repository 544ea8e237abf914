package etcd

import (
	"context"
	"errors"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"

	"github.com/lockd/lockd/bench/system"
)

// client holds all of its keys with one etcd lease, as a process with many locks does.
type client struct {
	etcd *clientv3.Client
	own  bool // the connection is not shared

	mu      sync.Mutex
	lease   clientv3.LeaseID
	session *concurrency.Session // the session of the mutexes
	mutexes map[string]*concurrency.Mutex
}

var errHeld = errors.New("held")

// granted returns the client's etcd lease. The first call creates it.
func (c *client) granted(ctx context.Context) (clientv3.LeaseID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lease == clientv3.NoLease {
		r, err := c.etcd.Grant(ctx, int64(system.TTL/time.Second))
		if err != nil {
			return 0, err
		}
		c.lease = r.ID
	}
	return c.lease, nil
}

// Acquire creates a key that does not exist, in one transaction.
func (c *client) Acquire(ctx context.Context, name string) error {
	lease, err := c.granted(ctx)
	if err != nil {
		return err
	}
	r, err := c.etcd.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(name), "=", 0)).
		Then(clientv3.OpPut(name, "bench", clientv3.WithLease(lease))).Commit()
	if err == nil && !r.Succeeded {
		err = errHeld
	}
	return err
}

// Release deletes a key.
func (c *client) Release(ctx context.Context, name string) error {
	_, err := c.etcd.Delete(ctx, name)
	return err
}

// ReleaseAll revokes the etcd lease, which deletes all of its keys.
func (c *client) ReleaseAll(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lease == clientv3.NoLease {
		return nil
	}
	_, err := c.etcd.Revoke(ctx, c.lease)
	c.lease = clientv3.NoLease
	return err
}

// Renew renews the etcd lease, which holds all keys.
func (c *client) Renew(ctx context.Context, _ string) error { return c.RenewAll(ctx) }

// RenewAll renews the etcd lease with a stream per call, the call for clients that choose the time of renewals
// themselves.
func (c *client) RenewAll(ctx context.Context) error {
	lease, err := c.granted(ctx)
	if err != nil {
		return err
	}
	_, err = c.etcd.KeepAliveOnce(ctx, lease)
	return err
}

// Read reads a key, which is linearizable by default.
func (c *client) Read(ctx context.Context, name string) error {
	_, err := c.etcd.Get(ctx, name)
	return err
}

// ReadStale reads a key with a serializable read.
func (c *client) ReadStale(ctx context.Context, name string) error {
	_, err := c.etcd.Get(ctx, name, clientv3.WithSerializable())
	return err
}

// Watch watches one key.
func (c *client) Watch(ctx context.Context, name string, held func(bool)) error {
	for r := range c.etcd.Watch(ctx, name, clientv3.WithCreatedNotify()) {
		if err := r.Err(); err != nil && ctx.Err() == nil {
			return err
		}
		if r.Created {
			held(false) // the benchmark opens every watch while the key is free
		}
		for _, e := range r.Events {
			held(e.Type == clientv3.EventTypePut)
		}
	}
	return nil
}

// Close closes the connection, if it is not shared.
func (c *client) Close() {
	if c.session != nil {
		c.session.Orphan()
	}
	if c.own {
		_ = c.etcd.Close() // no request depends on it any more
	}
}

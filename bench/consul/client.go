package consul

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lockd/lockd/bench/system"
)

// client holds all of its keys with one session.
type client struct {
	consul    *api.Client
	transport *http.Transport

	mu      sync.Mutex
	session string
	locks   map[string]*api.Lock
}

var (
	errHeld    = errors.New("held")
	errNotHeld = errors.New("not held")
)

// noDelay is the smallest lock delay. By default Consul blocks a lock for 15 seconds after its session has ended.
const noDelay = time.Millisecond

// create creates a session with a TTL.
func (c *client) create(ctx context.Context, ttl time.Duration) (string, error) {
	id, _, err := c.consul.Session().CreateNoChecks(&api.SessionEntry{
		TTL: ttl.String(), LockDelay: noDelay, Behavior: api.SessionBehaviorDelete,
	}, write(ctx))
	return id, err
}

func write(ctx context.Context) *api.WriteOptions { return (&api.WriteOptions{}).WithContext(ctx) }
func query(ctx context.Context) *api.QueryOptions { return (&api.QueryOptions{}).WithContext(ctx) }

// own returns the client's session. The first call creates it.
func (c *client) own(ctx context.Context) (id string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == "" {
		c.session, err = c.create(ctx, system.TTL)
	}
	return c.session, err
}

// Acquire acquires a key.
func (c *client) Acquire(ctx context.Context, name string) error {
	id, err := c.own(ctx)
	if err != nil {
		return err
	}
	ok, _, err := c.consul.KV().Acquire(&api.KVPair{Key: name, Value: []byte("bench"), Session: id}, write(ctx))
	if err == nil && !ok {
		err = errHeld
	}
	return err
}

// Release releases a key.
func (c *client) Release(ctx context.Context, name string) error {
	id, err := c.own(ctx)
	if err != nil {
		return err
	}
	ok, _, err := c.consul.KV().Release(&api.KVPair{Key: name, Session: id}, write(ctx))
	if err == nil && !ok {
		err = errNotHeld
	}
	return err
}

// ReleaseAll destroys the session, which deletes all of its keys.
func (c *client) ReleaseAll(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == "" {
		return nil
	}
	_, err := c.consul.Session().Destroy(c.session, write(ctx))
	c.session = ""
	return err
}

// Renew renews the session, which holds all keys.
func (c *client) Renew(ctx context.Context, _ string) error { return c.RenewAll(ctx) }

// RenewAll renews the session.
func (c *client) RenewAll(ctx context.Context) error {
	id, err := c.own(ctx)
	if err != nil {
		return err
	}
	entry, _, err := c.consul.Session().Renew(id, write(ctx))
	if err == nil && entry == nil {
		err = errNotHeld
	}
	return err
}

// Read reads a key. A quorum confirms the answer.
func (c *client) Read(ctx context.Context, name string) error {
	q := query(ctx)
	q.RequireConsistent = true
	_, _, err := c.consul.KV().Get(name, q)
	return err
}

// ReadStale reads a key from the server's own state.
func (c *client) ReadStale(ctx context.Context, name string) error {
	q := query(ctx)
	q.AllowStale = true
	_, _, err := c.consul.KV().Get(name, q)
	return err
}

// Watch repeats a blocking query for a newer index.
func (c *client) Watch(ctx context.Context, name string, held func(bool)) error {
	before, first := false, true
	for q := query(ctx); ; {
		pair, meta, err := c.consul.KV().Get(name, q)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if now := pair != nil && pair.Session != ""; first || now != before {
			held(now)
			before, first = now, false
		}
		q.WaitIndex = meta.LastIndex
	}
}

// Close closes the idle connections.
func (c *client) Close() { c.transport.CloseIdleConnections() }

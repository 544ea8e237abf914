package lockd

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/lockd/lockd/bench/system"
	api "github.com/lockd/lockd/clients/go"
)

// goClient is one session with lockd's Go client.
type goClient struct {
	client *api.Client
	close  func()

	mu     sync.Mutex
	leases map[string]*api.Lease
}

// newGoClient returns a client of some nodes. It starts with the first one. pool is nil if it has connections of its own.
func newGoClient(addresses []string, pool *http.Client) (*goClient, error) {
	c := &goClient{leases: make(map[string]*api.Lease), close: func() {}}
	var err error
	if pool == nil {
		if pool, err = api.NewHTTPClient(api.Config{}); err != nil {
			return nil, err
		}
		c.close = pool.CloseIdleConnections
	}
	c.client, err = api.New(api.Config{Addresses: addresses, Holder: "bench", HTTPClient: pool})
	return c, err
}

// acquire acquires a lease and remembers it.
func (c *goClient) acquire(ctx context.Context, name string, opts api.AcquireOptions) error {
	l, err := c.client.Acquire(ctx, name, opts)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leases[name] = l
	return nil
}

// lease returns a lease of acquire.
func (c *goClient) lease(name string) (*api.Lease, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.leases[name]; l != nil {
		return l, nil
	}
	return nil, fmt.Errorf("%s is not held", name)
}

// Acquire acquires a lease with system.TTL, without a wait.
func (c *goClient) Acquire(ctx context.Context, name string) error {
	return c.acquire(ctx, name, api.AcquireOptions{TTL: system.TTL})
}

// Release releases a lease.
func (c *goClient) Release(ctx context.Context, name string) error {
	l, err := c.lease(name)
	if err != nil {
		return err
	}
	return l.Release(ctx)
}

// ReleaseAll releases all leases of the session in one request.
func (c *goClient) ReleaseAll(ctx context.Context) error {
	_, err := c.client.ReleaseSession(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.leases)
	return err
}

// Renew renews one lease.
func (c *goClient) Renew(ctx context.Context, name string) error {
	l, err := c.lease(name)
	if err != nil {
		return err
	}
	return l.Renew(ctx)
}

// RenewAll renews all leases of the session in one request.
func (c *goClient) RenewAll(ctx context.Context) error {
	_, err := c.client.RenewSession(ctx)
	return err
}

// Read reads a lease. A quorum confirms the answer.
func (c *goClient) Read(ctx context.Context, name string) error {
	_, err := c.client.Get(ctx, name)
	return err
}

// ReadStale reads a lease from the node's own state.
func (c *goClient) ReadStale(ctx context.Context, name string) error {
	_, err := c.client.Get(ctx, name, api.Stale())
	return err
}

// Lock acquires a lease and waits in the queue.
func (c *goClient) Lock(ctx context.Context, name string) error {
	return c.acquire(ctx, name, api.AcquireOptions{TTL: system.TTL, Wait: api.Forever})
}

// Unlock releases a lease.
func (c *goClient) Unlock(ctx context.Context, name string) error { return c.Release(ctx, name) }

// Abandon acquires a lease with lockd's minimum TTL.
func (c *goClient) Abandon(ctx context.Context, name string) (time.Time, error) {
	const shortest = time.Second
	over := time.Now().Add(shortest)
	return over, c.acquire(ctx, name, api.AcquireOptions{TTL: shortest})
}

// Watch watches one lease until ctx ends.
func (c *goClient) Watch(ctx context.Context, name string, held func(bool)) error {
	for e, err := range c.client.Watch(ctx, api.WatchOptions{Name: name}) {
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		switch e.Type {
		case api.EventAcquired:
			held(true)
		case api.EventReleased, api.EventExpired:
			held(false)
		case api.EventState:
			held(e.Lease.State == "held")
		}
	}
	return nil
}

// Close closes the idle connections that are not shared.
func (c *goClient) Close() { c.close() }

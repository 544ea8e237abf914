package lockd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/lockd/lockd/bench/lean"
	"github.com/lockd/lockd/bench/system"
)

// client is one session at one node. Its bodies are made once.
type client struct {
	*lean.Client
	address string
	session string // as a JSON member
}

func newClient(address string) *client {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return &client{
		Client:  lean.New(address),
		address: address,
		session: `"session":"` + hex.EncodeToString(id[:]) + `"`,
	}
}

func path(name, verb string) string { return "/v1/leases/" + name + "/" + verb }

// take asks for a lease, and waits for it where wait is not zero.
func (c *client) take(ctx context.Context, name string, ttl, wait time.Duration) error {
	body := fmt.Sprintf(`{"holder":"bench",%s,"ttl_ms":%d,"wait_ms":%d}`, c.session, ttl.Milliseconds(), wait.Milliseconds())
	return c.Post(ctx, path(name, "acquire"), []byte(body))
}

// Acquire does not wait.
func (c *client) Acquire(ctx context.Context, name string) error {
	return c.take(ctx, name, system.TTL, 0)
}

// Release gives a lease back.
func (c *client) Release(ctx context.Context, name string) error {
	return c.Post(ctx, path(name, "release"), []byte("{"+c.session+"}"))
}

// ReleaseAll is one call for the whole session.
func (c *client) ReleaseAll(ctx context.Context) error {
	return c.Post(ctx, "/v1/sessions/release", []byte("{"+c.session+"}"))
}

// Renew keeps one lease.
func (c *client) Renew(ctx context.Context, name string) error {
	return c.Post(ctx, path(name, "renew"), []byte("{"+c.session+"}"))
}

// RenewAll is one call for the whole session.
func (c *client) RenewAll(ctx context.Context) error {
	return c.Post(ctx, "/v1/sessions/renew", []byte("{"+c.session+"}"))
}

// Read is confirmed by a quorum.
func (c *client) Read(ctx context.Context, name string) error {
	return c.Get(ctx, "/v1/leases/"+name)
}

// ReadStale is what the node has.
func (c *client) ReadStale(ctx context.Context, name string) error {
	return c.Get(ctx, "/v1/leases/"+name+"?stale=true")
}

// Lock waits in the queue.
func (c *client) Lock(ctx context.Context, name string) error {
	const longest = time.Minute
	return c.take(ctx, name, system.TTL, longest)
}

// Unlock is a release.
func (c *client) Unlock(ctx context.Context, name string) error { return c.Release(ctx, name) }

// Abandon takes the shortest TTL that is granted.
func (c *client) Abandon(ctx context.Context, name string) (time.Time, error) {
	const shortest = time.Second
	over := time.Now().Add(shortest)
	return over, c.take(ctx, name, shortest, 0)
}

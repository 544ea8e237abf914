package lockd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/lockd/lockd/bench/system"
)

// sender sends requests to one server.
type sender interface {
	Get(ctx context.Context, path string) error
	Post(ctx context.Context, path string, body []byte) error
	Body(ctx context.Context, path string) ([]byte, error)
	Close()
}

// client is one session at one node, by bare HTTP.
type client struct {
	sender
	address string
	session string // the JSON member "session"
}

func newClient(address string, by sender) *client {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return &client{sender: by, address: address, session: `"session":"` + hex.EncodeToString(id[:]) + `"`}
}

func path(name, verb string) string { return "/v1/leases/" + name + "/" + verb }

// acquire sends an acquire. If wait is not zero, the request waits in the queue.
func (c *client) acquire(ctx context.Context, name string, ttl, wait time.Duration) error {
	body := fmt.Sprintf(`{"holder":"bench",%s,"ttl_ms":%d,"wait_ms":%d}`, c.session, ttl.Milliseconds(), wait.Milliseconds())
	return c.Post(ctx, path(name, "acquire"), []byte(body))
}

// Acquire acquires a lease with system.TTL, without a wait.
func (c *client) Acquire(ctx context.Context, name string) error {
	return c.acquire(ctx, name, system.TTL, 0)
}

// Release releases a lease.
func (c *client) Release(ctx context.Context, name string) error {
	return c.Post(ctx, path(name, "release"), []byte("{"+c.session+"}"))
}

// ReleaseAll releases all leases of the session in one request.
func (c *client) ReleaseAll(ctx context.Context) error {
	return c.Post(ctx, "/v1/sessions/release", []byte("{"+c.session+"}"))
}

// Renew renews one lease.
func (c *client) Renew(ctx context.Context, name string) error {
	return c.Post(ctx, path(name, "renew"), []byte("{"+c.session+"}"))
}

// RenewAll renews all leases of the session in one request.
func (c *client) RenewAll(ctx context.Context) error {
	return c.Post(ctx, "/v1/sessions/renew", []byte("{"+c.session+"}"))
}

// Read reads a lease. A quorum confirms the answer.
func (c *client) Read(ctx context.Context, name string) error {
	return c.Get(ctx, "/v1/leases/"+name)
}

// ReadStale reads a lease from the node's own state.
func (c *client) ReadStale(ctx context.Context, name string) error {
	return c.Get(ctx, "/v1/leases/"+name+"?stale=true")
}

// Lock acquires a lease and waits in the queue for at most a minute.
func (c *client) Lock(ctx context.Context, name string) error {
	const longest = time.Minute
	return c.acquire(ctx, name, system.TTL, longest)
}

// Unlock releases a lease.
func (c *client) Unlock(ctx context.Context, name string) error { return c.Release(ctx, name) }

// Abandon acquires a lease with lockd's minimum TTL.
func (c *client) Abandon(ctx context.Context, name string) (time.Time, error) {
	const shortest = time.Second
	over := time.Now().Add(shortest)
	return over, c.acquire(ctx, name, shortest, 0)
}

// Package echo is the limit of the machine: a bare HTTP server that answers as
// much as lockd answers to a renewal, and keeps nothing. It runs in a process of
// its own, which is this program again.
package echo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"runtime"

	"github.com/lockd/lockd/bench/lean"
	"github.com/lockd/lockd/bench/process"
	"github.com/lockd/lockd/bench/system"
)

// Echo is one server.
type Echo struct{ address string }

// New returns the system.
func New() *Echo { return &Echo{} }

// Name tells its rows apart.
const Name = "echo"

// Name is what rows are told apart by.
func (e *Echo) Name() string { return Name }

// Servers describes the one server.
func (e *Echo) Servers(dir string) ([]*process.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if e.address, err = process.FreeAddress(); err != nil {
		return nil, err
	}
	p := process.New(dir, "echo", self)
	p.Setenv(serving + "=" + e.address)
	return []*process.Process{p}, nil
}

// Version is Go's: the server is net/http.
func (e *Echo) Version(context.Context) (string, error) { return runtime.Version(), nil }

// Leader is the only one.
func (e *Echo) Leader(context.Context) (int, error) { return 0, nil }

// Address is where it serves.
func (e *Echo) Address(int) string { return e.address }

// Connect makes a client that sends what lockd's client sends.
func (e *Echo) Connect(context.Context, int) (system.Client, error) {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return &client{http: lean.New(e.address), body: []byte(`{"session":"` + hex.EncodeToString(id[:]) + `"}`)}, nil
}

type client struct {
	system.Limited
	http *lean.Client
	body []byte
}

// Renew posts what a renewal is.
func (c *client) Renew(ctx context.Context, name string) error {
	return c.http.Post(ctx, "/v1/leases/"+name+"/renew", c.body)
}

// Close drops the connections.
func (c *client) Close() { c.http.Close() }

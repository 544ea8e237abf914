// Package echo measures the limit of the machine. It is a bare HTTP server whose answer has the size of lockd's answer
// to a renewal. It keeps no state. The server is a second process of this program.
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

// Echo is the system. It has one server.
type Echo struct{ address string }

// New returns the system.
func New() *Echo { return &Echo{} }

// Name is the system's name in the report.
const Name = "echo"

// Name returns Name.
func (e *Echo) Name() string { return Name }

// Servers returns the one server, which is not started.
func (e *Echo) Servers(dir string) ([]*process.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if e.address, err = process.FreeAddress(); err != nil {
		return nil, err
	}
	p := process.New(dir, "echo", self)
	p.Setenv(addressVariable + "=" + e.address)
	return []*process.Process{p}, nil
}

// Version returns the version of Go, because the server is net/http.
func (e *Echo) Version(context.Context) (string, error) { return runtime.Version(), nil }

// Leader returns 0: there is one server.
func (e *Echo) Leader(context.Context) (int, error) { return 0, nil }

// Address returns the server's HTTP address.
func (e *Echo) Address(int) string { return e.address }

// Connect returns a client that sends the same renewals as lockd's client.
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

// Renew posts a renewal.
func (c *client) Renew(ctx context.Context, name string) error {
	return c.http.Post(ctx, "/v1/leases/"+name+"/renew", c.body)
}

// Close closes the idle connections.
func (c *client) Close() { c.http.Close() }

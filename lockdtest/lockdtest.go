// Package lockdtest runs a real lockd server in the process of a test: one node on loopback, with its data in a
// temporary directory of the test.
//
//	func TestReport(t *testing.T) {
//		server := lockdtest.Start(t)
//		c := server.Client(lockd.Config{Holder: "worker-1"})
//		…
//	}
package lockdtest

import (
	"context"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/app"
)

const (
	maxWaits         = 1_000 // a test has one address; the same as the maximum length of a queue
	anyPort          = "127.0.0.1:0"
	heartbeatTimeout = 250 * time.Millisecond // a single node does not wait for other nodes
	patience         = time.Minute
)

// A Server is a node that serves until its test ends.
type Server struct {
	Address string // http://host:port, for clients
	DataDir string // of the node; it has the node's admin socket, for lockd token create and lockd auth
	t       testing.TB
}

// Start starts a node and returns when it is ready. The node stops at the end of the test.
func Start(t testing.TB) *Server {
	t.Helper()
	dir := t.TempDir()
	a, err := app.New(app.Config{DataDir: dir, HTTPAddr: anyPort, PeerAddr: anyPort, HeartbeatTimeout: heartbeatTimeout,
		DrainTimeout: time.Second, Limits: app.Limits{MaxWaitsPerIP: maxWaits}})
	if err != nil {
		t.Fatalf("lockdtest: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("lockdtest: the node did not stop cleanly: %v", err)
		}
	})
	s := &Server{Address: "http://" + a.HTTPAddr(), DataDir: dir, t: t}
	s.waitReady()
	return s
}

func (s *Server) waitReady() {
	s.t.Helper()
	c := s.Client(lockd.Config{RetryFor: patience})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := c.Get(ctx, "lockdtest"); err != nil {
		s.t.Fatalf("lockdtest: the node is not ready: %v", err)
	}
}

// Client returns a client of the node. It sets cfg.Addresses to the node's address.
func (s *Server) Client(cfg lockd.Config) *lockd.Client {
	s.t.Helper()
	cfg.Addresses = []string{s.Address}
	c, err := lockd.New(cfg)
	if err != nil {
		s.t.Fatalf("lockdtest: %v", err)
	}
	return c
}

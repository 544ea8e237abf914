// Package lockdtest runs a real lockd in the process of a test: one node, on
// loopback, with its data in a directory of the test's own.
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
	maxWaits         = 1_000 // of a test, which has one address; as many as one queue takes
	anyPort          = "127.0.0.1:0"
	heartbeatTimeout = 250 * time.Millisecond // a node that is alone has nobody to wait for
	patience         = time.Minute
)

// A Server is one node that serves until its test ends.
type Server struct {
	Address string // http://host:port, for clients
	t       testing.TB
}

// Start runs a node and returns when it serves. The node ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	a, err := app.New(app.Config{DataDir: t.TempDir(), HTTPAddr: anyPort, PeerAddr: anyPort, HeartbeatTimeout: heartbeatTimeout,
		DrainTimeout: time.Second, MaxWaitsPerIP: maxWaits})
	if err != nil {
		t.Fatalf("lockdtest: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("lockdtest: the node did not end cleanly: %v", err)
		}
	})
	s := &Server{Address: "http://" + a.HTTPAddr(), t: t}
	s.waitUntilItServes()
	return s
}

func (s *Server) waitUntilItServes() {
	s.t.Helper()
	c := s.Client(lockd.Config{RetryFor: patience})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := c.Get(ctx, "lockdtest"); err != nil {
		s.t.Fatalf("lockdtest: the node does not serve: %v", err)
	}
}

// Client returns a client of the node; cfg.Addresses is the node's.
func (s *Server) Client(cfg lockd.Config) *lockd.Client {
	s.t.Helper()
	cfg.Addresses = []string{s.Address}
	c, err := lockd.New(cfg)
	if err != nil {
		s.t.Fatalf("lockdtest: %v", err)
	}
	return c
}

// Package inprocess runs lockd nodes within the test's own process, where a test can
// look into them. Package nodes runs them as processes.
package inprocess

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/test/harness/nodes"
)

// A Node is one lockd, running or not.
type Node struct {
	nodes.Door
	Name   string
	Config app.Config
	App    *app.App // nil: it does not run

	t      *testing.T
	cancel context.CancelFunc
	done   chan error
}

// New prepares a node at free addresses, with a data directory of its own; tune may
// change what it is configured to do.
func New(t *testing.T, name string, log *nodes.Log, tune func(*app.Config)) *Node {
	t.Helper()
	n := &Node{t: t, Name: name, Config: app.Config{
		NodeID: name, DataDir: t.TempDir(), HTTPAddr: nodes.FreeAddress(t), PeerAddr: nodes.FreeAddress(t),
		HeartbeatTimeout: 300 * time.Millisecond,
		DrainTimeout:     2 * time.Second,
		Log:              slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})).With("at", name),
	}}
	if tune != nil {
		tune(&n.Config)
	}
	return n
}

// Start runs the node until Stop, which the end of the test calls, too.
func (n *Node) Start() {
	n.t.Helper()
	a, err := app.New(n.Config)
	if err != nil {
		n.t.Fatalf("starting %s: %v", n.Name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.HTTP = n.Config.HTTPAddr
	n.App, n.cancel, n.done = a, cancel, make(chan error, 1)
	go func(done chan error) { done <- a.Run(ctx) }(n.done)
	n.t.Cleanup(n.Stop)
}

// Stop ends the node as SIGTERM would, where it runs.
func (n *Node) Stop() {
	n.t.Helper()
	if n.App == nil {
		return
	}
	n.cancel()
	select {
	case err := <-n.done:
		if err != nil {
			n.t.Errorf("%s did not end well: %v", n.Name, err)
		}
	case <-time.After(nodes.Patience):
		n.t.Errorf("%s did not end", n.Name)
	}
	n.App = nil
}

// WaitReady waits until the node serves.
func (n *Node) WaitReady() {
	n.t.Helper()
	nodes.Eventually(n.t, n.Name+" is ready", n.Ready)
}

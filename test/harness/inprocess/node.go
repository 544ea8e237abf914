// Package inprocess runs lockd nodes in the process of the test, so that a test can inspect them. Package nodes runs
// nodes as processes of their own.
package inprocess

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/test/harness/nodes"
)

// A Node is one lockd node, running or stopped.
type Node struct {
	nodes.API
	Name   string
	Config app.Config
	App    *app.App // nil if the node is stopped

	t      *testing.T
	cancel context.CancelFunc
	done   chan error
}

// New prepares a node with free addresses and its own data directory. tune, if not nil, changes the configuration.
func New(t *testing.T, name string, log *nodes.Log, tune func(*app.Config)) *Node {
	t.Helper()
	n := &Node{t: t, Name: name, Config: app.Config{
		NodeID: name, DataDir: t.TempDir(), HTTPAddr: nodes.FreeAddress(t), PeerAddr: nodes.FreeAddress(t),
		HeartbeatTimeout: 300 * time.Millisecond,
		DrainTimeout:     2 * time.Second,
		Logging:          app.Logging{Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})).With("at", name)},
	}}
	if tune != nil {
		tune(&n.Config)
	}
	return n
}

// Start starts the node. The test stops it at its end.
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

// Stop stops the node as SIGTERM does. It does nothing if the node is stopped.
func (n *Node) Stop() {
	n.t.Helper()
	if n.App == nil {
		return
	}
	n.cancel()
	select {
	case err := <-n.done:
		if err != nil {
			n.t.Errorf("%s stopped with an error: %v", n.Name, err)
		}
	case <-time.After(nodes.Patience):
		n.t.Errorf("%s did not stop", n.Name)
	}
	n.App = nil
}

// WaitReady waits until the node is ready.
func (n *Node) WaitReady() {
	n.t.Helper()
	nodes.Eventually(n.t, n.Name+" is ready", n.Ready)
}

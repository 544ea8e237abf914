// Package discovery finds other nodes by the addresses to join. It resolves their names
// and requests the identity of the node at each address.
package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
)

// A Finder finds the nodes at the addresses to join.
type Finder struct {
	join     []string
	identify func(ctx context.Context, address string) (*Found, error)
	lookup   *lookup
	log      *slog.Logger

	mu     sync.Mutex
	logged map[string]string // by address: the failure that was logged last
}

// Config are the settings of a Finder.
type Config struct {
	Join     []string // Forms
	Resolver Resolver
	Identify func(ctx context.Context, address string) (*Found, error) // requests the identity of the node at a peer address
	Log      *slog.Logger
}

// New returns a Finder.
func New(c Config) *Finder {
	return &Finder{join: c.Join, identify: c.Identify, lookup: newLookup(c.Resolver, c.Log), log: c.Log, logged: make(map[string]string)}
}

// Found is a node and its cluster, as the node reports them.
type Found struct {
	ClusterID string `json:"cluster_id"`
	Node      Node   `json:"node"`
	Nodes     []Node `json:"nodes"` // the members
}

// A Node is a node, or a member of its cluster.
type Node struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	HTTP   string `json:"http"`
	Peer   string `json:"peer"`
	State  string `json:"state,omitempty"` // of the node itself
	Leader bool   `json:"leader,omitempty"`
}

// Find returns the nodes that answer at the addresses to join. A node with several
// addresses is in the result once. The result can contain this node itself. The error
// is why the node at an address is none of the result, unless it is only not reachable.
func (f *Finder) Find(ctx context.Context) ([]Found, error) {
	var mu sync.Mutex
	byID := make(map[string]Found)
	var wrong error
	var wg sync.WaitGroup
	for _, entry := range f.join {
		wg.Go(func() {
			for _, address := range f.lookup.addresses(ctx, entry) {
				wg.Go(func() {
					s, err := f.identify(ctx, address)
					f.report(address, err)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil:
						byID[s.Node.ID] = *s
					case !unreachable(err):
						wrong = fmt.Errorf("%s: %w", address, err)
					}
				})
			}
		})
	}
	wg.Wait()
	return slices.SortedFunc(maps.Values(byID), func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.Node.Name, b.Node.Name), cmp.Compare(a.Node.ID, b.Node.ID))
	}), wrong
}

// report logs why the node at an address is not used, once for each reason. A node that is
// not reachable is usual, and its errors differ in each attempt.
func (f *Finder) report(address string, err error) {
	if err == nil || unreachable(err) {
		if err != nil {
			f.log.Debug("no node answers", "address", address, "err", err)
		}
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.logged[address] != err.Error() {
		f.logged[address] = err.Error()
		f.log.Warn("the node at an address to join is not used", "address", address, "reason", err)
	}
}

// unreachable reports whether an error is of the network and not of the node there.
func unreachable(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op == "dial" || op.Op == "read" || op.Op == "write"
	}
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

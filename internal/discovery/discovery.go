// Package discovery finds other nodes by the addresses to join. It resolves their names
// and requests the identity of the node at each address.
package discovery

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Finder finds the nodes at the addresses to join.
type Finder struct {
	join   []string
	dial   func(ctx context.Context, address string) (net.Conn, error)
	lookup *lookup
	log    *slog.Logger
}

// Config are the settings of a Finder.
type Config struct {
	Join     []string // Forms
	Resolver Resolver
	Dial     func(ctx context.Context, address string) (net.Conn, error)
	Log      *slog.Logger
}

// New returns a Finder.
func New(c Config) *Finder {
	return &Finder{join: c.Join, dial: c.Dial, lookup: newLookup(c.Resolver, c.Log), log: c.Log}
}

// Found is a node and its cluster, as GET /v1/cluster returns them.
type Found struct {
	ClusterID string `json:"cluster_id"`
	Node      struct {
		ID, Name, HTTP, Peer, State string
	} `json:"node"`
	Nodes []struct {
		ID, Name, HTTP, Peer string
		Leader               bool
	} `json:"nodes"`
}

// Find returns the nodes that answer at the addresses to join. A node with several
// addresses is in the result once. The result can contain this node itself.
func (f *Finder) Find(ctx context.Context) []Found {
	var mu sync.Mutex
	byID := make(map[string]Found)
	var wg sync.WaitGroup
	for _, entry := range f.join {
		wg.Go(func() {
			for _, address := range f.lookup.addresses(ctx, entry) {
				wg.Go(func() {
					s, err := f.identify(ctx, address)
					if err != nil {
						f.log.Debug("no node answers", "address", address, "err", err)
						return
					}
					mu.Lock()
					byID[s.Node.ID] = *s
					mu.Unlock()
				})
			}
		})
	}
	wg.Wait()
	return slices.SortedFunc(maps.Values(byID), func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.Node.Name, b.Node.Name), cmp.Compare(a.Node.ID, b.Node.ID))
	})
}

const (
	discoverTimeout = 2 * time.Second
	maxDiscovered   = 1 << 20
)

// whoPath is the path at which a node returns its identity.
const whoPath = "/v1/cluster"

// newRequest returns the request for the identity of a node, at an address for clients.
// An address without a port has the default port.
func newRequest(ctx context.Context, address string) (*http.Request, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(address, "/")+whoPath, nil)
	if err == nil && req.URL.Port() == "" && !strings.HasSuffix(req.URL.Host, ":") && req.URL.Hostname() != "" {
		req.URL.Host = net.JoinHostPort(req.URL.Hostname(), defaultPort)
		req.Host = req.URL.Host
	}
	return req, err
}

// identify returns the identity of the node at an address.
func (f *Finder) identify(ctx context.Context, address string) (*Found, error) {
	ctx, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	req, err := newRequest(ctx, address)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(address, "://") {
		req.Host = "localhost" // every node accepts it; the name in --join or in an SRV record may not be one of its hosts
	}
	client := http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:       func(ctx context.Context, _, address string) (net.Conn, error) { return f.dial(ctx, address) },
			DisableKeepAlives: true,
		},
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", address, resp.Status)
	}
	var s Found
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxDiscovered)).Decode(&s); err != nil {
		return nil, err
	}
	if s.Node.ID == "" || s.Node.Peer == "" {
		return nil, fmt.Errorf("%s is not a lockd node", address)
	}
	return &s, nil
}

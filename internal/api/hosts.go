package api

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockd/lockd/internal/hosts"
)

// memberNamesFor is how long the cached names of the members are used.
const memberNamesFor = time.Second

// hostGuard decides whether this node answers to the Host of a request: an IP address, localhost, an advertised name of
// a member, or a name that the operator allowed.
type hostGuard struct {
	allowed hosts.List
	status  func() Status

	mu      sync.Mutex // held while members is replaced
	members atomic.Pointer[memberNames]
}

type memberNames struct {
	names hosts.List
	until time.Time
}

func newHostGuard(cfg *Config) *hostGuard {
	return &hostGuard{allowed: hosts.NewList(cfg.AllowedHosts), status: cfg.Cluster.Status}
}

// serves reports whether a Host header is a name of this node.
func (g *hostGuard) serves(host string) bool {
	name := hosts.Name(host)
	return hosts.Local(name) || g.allowed.Match(name) || g.memberNames().Match(name)
}

// memberNames returns the advertised names of the members. When the cached names are too old, one request reads them
// again, and concurrent requests use the old ones.
func (g *hostGuard) memberNames() hosts.List {
	known := g.members.Load()
	if known != nil && (time.Now().Before(known.until) || !g.mu.TryLock()) {
		return known.names
	}
	if known == nil {
		g.mu.Lock()
	}
	defer g.mu.Unlock()
	s := g.status()
	names := []string{advertisedName(s.Node.HTTP)}
	for _, m := range s.Nodes {
		names = append(names, advertisedName(m.HTTP))
	}
	fresh := &memberNames{hosts.NewList(names), time.Now().Add(memberNamesFor)}
	g.members.Store(fresh)
	return fresh.names
}

// advertisedName returns the host of an advertised address, which may begin with a scheme.
func advertisedName(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	}
	return hosts.Name(address)
}

// misdirected answers a request whose Host is not a name of this node.
func (c *call) misdirected() {
	p := c.problem(kindUnknownHost)
	p.Detail = fmt.Sprintf("Nothing changed. This node does not answer to the Host %.260q. Use its IP address or the name that it "+
		"advertises, or add the name to --allowed-hosts.", hosts.Name(c.r.Host))
	c.refuse(p)
}

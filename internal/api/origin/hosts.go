package origin

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockd/lockd/internal/hosts"
)

// memberNamesFor is how long the cached names of the members are used.
const memberNamesFor = time.Second

// names are the names of a node: IP addresses, localhost, the advertised names of the members, and the names that the
// operator allowed.
type names struct {
	allowed    hosts.List
	advertised func() []string

	mu      sync.Mutex // held while members is replaced
	members atomic.Pointer[memberNames]
}

type memberNames struct {
	names hosts.List
	until time.Time
}

// include reports whether a Host header has one of the names.
func (n *names) include(host string) bool {
	name := hosts.Name(host)
	return hosts.Local(name) || n.allowed.Match(name) || n.memberNames().Match(name)
}

// memberNames returns the advertised names of the members. When the cached names are too old, one request reads them
// again, and concurrent requests use the old ones.
func (n *names) memberNames() hosts.List {
	known := n.members.Load()
	if known != nil && (time.Now().Before(known.until) || !n.mu.TryLock()) {
		return known.names
	}
	if known == nil {
		n.mu.Lock()
	}
	defer n.mu.Unlock()
	var list []string
	for _, address := range n.advertised() {
		list = append(list, advertisedName(address))
	}
	fresh := &memberNames{hosts.NewList(list), time.Now().Add(memberNamesFor)}
	n.members.Store(fresh)
	return fresh.names
}

// advertisedName returns the host of an advertised address, which may begin with a scheme.
func advertisedName(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	}
	return hosts.Name(address)
}

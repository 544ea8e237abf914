package lockd

import (
	"net/http"
	"sync"
	"time"
)

// avoidFailed is how long a call does not start at an address at which the last attempt got no
// response. The call still goes there if the others do not answer.
const avoidFailed = 10 * time.Second

// A route chooses the order in which a call tries the addresses. Each node reports its name and that
// of the leader in each response, so the addresses need no other source than the Config: a name is
// only compared with the names that the configured addresses have reported.
type route struct {
	// mu guards the fields below.
	mu     sync.Mutex
	last   int       // index of the address that last responded to a call that did not start at the leader
	leader string    // name of the leader; "" if it is not known
	nodes  []string  // by address: the node that last responded; "" if none has
	failed []instant // by address: when the last attempt failed; the zero value if it got a response
}

func newRoute(addresses int) *route {
	return &route{nodes: make([]string, addresses), failed: make([]instant, addresses)}
}

// start returns the address that last responded.
func (r *route) start() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// order returns the order of addresses for a call. A call that a follower would forward starts at
// the leader. If no address is known to be that of the leader, it starts at an address whose node is
// not known, to learn its name. All others follow, starting with the one that last responded.
func (r *route) order(forwarded bool, now instant) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]int, 0, len(r.nodes)+1)
	first := r.last
	if forwarded {
		first = r.preferred(now)
		all = append(all, first)
	}
	for n := range r.nodes {
		if i := (r.last + n) % len(r.nodes); len(all) == 0 || i != first {
			all = append(all, i)
		}
	}
	return all
}

// preferred returns the address of the leader, or one to learn about, or else the last one.
func (r *route) preferred(now instant) int {
	if r.leader == "" {
		return r.last
	}
	unknown := r.last
	for n := range r.nodes {
		i := (r.last + n) % len(r.nodes)
		switch {
		case r.nodes[i] == r.leader:
			if r.avoided(i, now) {
				return r.last
			}
			return i
		case r.nodes[i] == "" && unknown == r.last && !r.avoided(i, now):
			unknown = i
		}
	}
	return unknown
}

func (r *route) avoided(i int, now instant) bool {
	return r.failed[i] != instant{} && now.since(r.failed[i]) < avoidFailed
}

// responded records the headers of a response.
func (r *route) responded(i int, h http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed[i] = instant{}
	if node := h.Get("Lockd-Node"); node != "" { // not the response of a proxy
		r.nodes[i], r.leader = node, h.Get("Lockd-Leader")
	}
}

// notResponded records an attempt without a response.
func (r *route) notResponded(i int, now instant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed[i] = now
}

// succeeded records the address of a final response.
func (r *route) succeeded(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nodes[i] == "" || r.nodes[i] != r.leader || r.failed[r.last] != (instant{}) {
		r.last = i
	}
}

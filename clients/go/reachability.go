package lockd

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// reachability records whether any node responds.
type reachability struct {
	log   *slog.Logger
	addrs string

	// mu guards the fields below.
	mu      sync.Mutex
	contact *instant // when a node last responded; nil: never
	warned  bool     // since contact
}

func newReachability(log *slog.Logger, addrs []endpoint) *reachability {
	var names []string
	for _, a := range addrs {
		names = append(names, a.base)
	}
	return &reachability{log: log, addrs: strings.Join(names, ", ")}
}

// answered records that a node responded, with any status.
func (r *reachability) answered(at instant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contact, r.warned = &at, false
}

// warnUnreachable logs a warning after the first pass over all addresses in which no node
// responded. The next warning follows only after a response.
func (r *reachability) warnUnreachable(err error) {
	r.mu.Lock()
	again := r.warned
	r.warned = true
	r.mu.Unlock()
	if !again {
		r.log.Warn("lockd: no node answered", "addresses", r.addrs, "error", err)
	}
}

// unansweredFor returns for how long no node has responded to a call that began at start.
func (r *reachability) unansweredFor(start, now instant) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.contact == nil {
		return now.since(start)
	}
	return min(now.since(start), now.since(*r.contact))
}

// unreachable reports whether a call that began at start gives up, because no node has responded
// for the limit.
func (c *Client) unreachable(start instant, limit time.Duration) bool {
	return c.reachability.unansweredFor(start, c.clock()) >= limit
}

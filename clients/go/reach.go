package lockd

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// reach records whether any node answers.
type reach struct {
	log   *slog.Logger
	addrs string // without credentials

	// mu guards the rest.
	mu      sync.Mutex
	contact *instant // when a node last answered; nil: never
	warned  bool     // since then
}

func newReach(log *slog.Logger, addrs []endpoint) *reach {
	var names []string
	for _, a := range addrs {
		names = append(names, a.base)
	}
	return &reach{log: log, addrs: strings.Join(names, ", ")}
}

// answered records that a node answered, with whatever status.
func (r *reach) answered(at instant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contact, r.warned = &at, false
}

// silent warns about the first round over all addresses, since the last answer, in
// which no node answered.
func (r *reach) silent(err error) {
	r.mu.Lock()
	again := r.warned
	r.warned = true
	r.mu.Unlock()
	if !again {
		r.log.Warn("lockd: no node answered", "addresses", r.addrs, "error", err)
	}
}

// silence returns for how long no node has answered a call that began at start.
func (r *reach) silence(start, now instant) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.contact == nil {
		return now.since(start)
	}
	return min(now.since(start), now.since(*r.contact))
}

// unreachable reports whether a call that began at start gives up because no node has
// answered for the limit.
func (c *Client) unreachable(start instant, limit time.Duration) bool {
	return c.reach.silence(start, c.clock()) >= limit
}

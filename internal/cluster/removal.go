package cluster

import (
	"log/slog"
	"sync"
	"time"
)

const removedReason = "this node is not a member: it was removed; start it with an empty data directory to let it join again"

const (
	// removedAfter is how long a node must be in no configuration and hear of no leader
	// before it reports that it was removed: one that joins is so for a moment.
	removedAfter = 2 * time.Second
	// maxRefusers bounds the members whose refusals are remembered.
	maxRefusers = 64
)

// removal logs once that this node is not a member any more, and why. The log would otherwise
// show elections only.
type removal struct {
	mu       sync.Mutex
	since    time.Duration   // when it was first seen to be in no configuration; 0: it is in one
	logged   bool            // since then
	refusers map[string]bool // members whose refusal was logged, with the reason
}

// refused logs that a member refuses this node, once for each reason.
func (r *removal) refused(log *slog.Logger, member, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refusers[member+reason] {
		return
	}
	if r.refusers == nil || len(r.refusers) >= maxRefusers {
		r.refusers = make(map[string]bool)
	}
	r.refusers[member+reason] = true
	log.Warn("a member refuses this node", "member", member, "reason", reason)
}

// see logs that this node was removed, if it has been in no configuration for removedAfter.
func (r *removal) see(log *slog.Logger, alone bool, now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !alone:
		r.since, r.logged = 0, false
	case r.since == 0:
		r.since = now
	case !r.logged && now-r.since >= removedAfter:
		r.logged = true
		log.Warn("this node takes part in no cluster", "reason", removedReason)
	}
}

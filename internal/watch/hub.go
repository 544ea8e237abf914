// Package watch hands the machine's events to those who watch. It keeps a
// bounded ring of them and no list of readers: a reader is a revision, and asks
// for what came after it. So Apply never waits for anybody, and a slow reader
// only ever loses its own place.
package watch

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/lockd/lockd/internal/fsm"
)

// A Hub is one node's events. It is safe for concurrent use.
type Hub struct {
	watchers    atomic.Int64
	maxWatchers int64
	maxBytes    int // of the events kept

	// mu guards everything below; it is never held while a reader is served.
	mu       sync.Mutex
	ring     []*fsm.Event // by revision, oldest at head
	head     int
	bytes    int           // of the events kept
	revision uint64        // of the machine: everything up to it is in the ring or dropped
	dropped  uint64        // the newest revision that is no longer kept
	changed  chan struct{} // closed when revision moves
}

// New returns a hub that serves at most so many watchers at once. Its events take at
// most a quarter of as many bytes as the node's state may take (0: no limit).
func New(maxWatchers, maxState int) *Hub {
	h := &Hub{maxWatchers: int64(maxWatchers), maxBytes: fsm.MaxHistoryBytes, changed: make(chan struct{})}
	if maxState > 0 {
		h.maxBytes = min(h.maxBytes, maxState/4)
	}
	return h
}

// Publish adds what one entry changed. Revision is the machine's after it.
func (h *Hub) Publish(events []*fsm.Event, revision uint64) {
	if len(events) == 0 && revision == h.Revision() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range events {
		h.ring = append(h.ring, e)
		h.bytes += e.Size()
	}
	h.trim()
	h.move(revision)
}

// trim drops the oldest events beyond what is kept, by count and by size.
func (h *Hub) trim() {
	for len(h.ring)-h.head > fsm.MaxHistoryEvents || h.bytes > h.maxBytes {
		oldest := h.ring[h.head]
		h.ring[h.head] = nil
		h.head++
		h.bytes -= oldest.Size()
		h.dropped = oldest.Revision
	}
	if h.head > len(h.ring)/2 {
		h.ring = slices.Clone(h.ring[h.head:])
		h.head = 0
	}
}

// Reset starts over from a restored machine.
func (h *Hub) Reset(events []*fsm.Event, dropped, revision uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ring, h.head, h.bytes, h.dropped = events, 0, 0, dropped
	for _, e := range events {
		h.bytes += e.Size()
	}
	h.trim()
	h.move(revision)
}

func (h *Hub) move(revision uint64) {
	h.revision = revision
	close(h.changed)
	h.changed = make(chan struct{})
}

// Revision returns the machine's revision as this node's watchers see it.
func (h *Hub) Revision() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.revision
}

// Watchers returns how many there are.
func (h *Hub) Watchers() int { return int(h.watchers.Load()) }

// Join counts a watcher in, or refuses with fsm.ErrOverloaded; done counts it out.
func (h *Hub) Join() (done func(), err error) {
	if h.watchers.Add(1) > h.maxWatchers {
		h.watchers.Add(-1)
		return nil, fsm.ErrOverloaded
	}
	return sync.OnceFunc(func() { h.watchers.Add(-1) }), nil
}

// Next returns the events after a revision that match, oldest first and at most
// most; it waits until there is one or ctx ends. Everything up to upTo that
// matches was returned: the next call goes on from there. Where the events
// after the revision are no longer kept it returns a *fsm.Gone. A revision
// ahead of this node waits for the node to catch up.
func (h *Hub) Next(
	ctx context.Context, after uint64, match func(*fsm.Event) bool, most int,
) (events []*fsm.Event, upTo uint64, err error) {
	for {
		h.mu.Lock()
		if after < h.dropped {
			gone := &fsm.Gone{Oldest: h.dropped, Current: h.revision}
			h.mu.Unlock()
			return nil, after, gone
		}
		fresh, upTo := h.since(after)
		changed := h.changed
		h.mu.Unlock()

		for _, e := range fresh {
			if len(events) == most {
				return events, events[most-1].Revision, nil
			}
			if match(e) {
				events = append(events, e)
			}
		}
		after = max(after, upTo)
		if len(events) > 0 {
			return events, after, nil
		}
		if len(fresh) == maxScan {
			continue // there is more, and none of this matched
		}
		select {
		case <-ctx.Done():
			return nil, after, ctx.Err()
		case <-changed:
		}
	}
}

// maxScan bounds what one look at the ring copies out of it.
const maxScan = 4_096

// since returns the kept events after a revision, at most maxScan, and the
// revision up to which that is all. It copies, since Publish clears what it drops.
func (h *Hub) since(after uint64) (events []*fsm.Event, upTo uint64) {
	kept := h.ring[h.head:]
	i, found := slices.BinarySearchFunc(kept, after, func(e *fsm.Event, r uint64) int {
		return cmp.Compare(e.Revision, r)
	})
	if found {
		i++
	}
	if kept = kept[i:]; len(kept) > maxScan {
		kept = kept[:maxScan]
		return slices.Clone(kept), kept[maxScan-1].Revision
	}
	return slices.Clone(kept), h.revision
}

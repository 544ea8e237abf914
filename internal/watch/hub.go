// Package watch delivers the state machine's events to watchers. It keeps a bounded ring of events and has no list of
// readers: a reader has a revision, and requests the events after it. So Apply never waits for a reader, and a slow
// reader can only lose its own position.
package watch

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/lockd/lockd/internal/fsm"
)

// Hub has the newest events of a node. It is safe for concurrent use.
type Hub struct {
	watchers    atomic.Int64
	maxWatchers int64
	maxBytes    int // maximum size of the events in the ring

	// mu guards everything below. It is never held while a match function runs.
	mu       sync.Mutex
	ring     []*fsm.Event // ordered by revision, the oldest at head
	head     int
	bytes    int           // size of the events in the ring
	revision uint64        // of the state machine: all events up to it are in the ring or dropped
	dropped  uint64        // the newest revision that is no longer kept
	changed  chan struct{} // closed when revision changes
}

// New returns a hub with at most maxWatchers watchers. Its events take at most fsm.MaxHistoryBytes, and at most a
// quarter of maxState, the maximum size of the node's state in bytes (0: no limit).
func New(maxWatchers, maxState int) *Hub {
	h := &Hub{maxWatchers: int64(maxWatchers), maxBytes: fsm.MaxHistoryBytes, changed: make(chan struct{})}
	if maxState > 0 {
		h.maxBytes = min(h.maxBytes, maxState/4)
	}
	return h
}

// Publish adds the events of one log entry. revision is the state machine's revision after the entry.
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

// trim drops the oldest events over the bounds of count and size. The caller must hold mu.
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

// Reset replaces all events with those of a restored state machine. dropped is the newest revision whose event is not
// available.
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

// Revision returns the revision up to which events were published.
func (h *Hub) Revision() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.revision
}

// Watchers returns the number of watchers.
func (h *Hub) Watchers() int { return int(h.watchers.Load()) }

// Join registers a watcher, or returns fsm.ErrOverloaded if there are maxWatchers. done removes the watcher; repeated
// calls have no effect.
func (h *Hub) Join() (done func(), err error) {
	if h.watchers.Add(1) > h.maxWatchers {
		h.watchers.Add(-1)
		return nil, fsm.ErrOverloaded
	}
	return sync.OnceFunc(func() { h.watchers.Add(-1) }), nil
}

// Next returns the events after a revision that match, oldest first and no more than most. It waits until there is
// one or ctx ends. upTo is the revision up to which all events that match were returned: the next call continues there.
// If events after the revision were dropped, the error is a *fsm.Gone. If the revision is ahead of this node, Next
// waits until the node has reached it.
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
			continue // there are more events, and none of these matched
		}
		select {
		case <-ctx.Done():
			return nil, after, ctx.Err()
		case <-changed:
		}
	}
}

// maxScan bounds the events that since copies at once.
const maxScan = 4_096

// since returns the events after a revision, at most maxScan, and the revision up to which these are all events. It
// copies them because trim clears dropped elements of the ring. The caller must hold mu.
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

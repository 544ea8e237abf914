package watch

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/lockd/lockd/internal/fsm"
)

// A Ring has the newest changes of one kind. It is safe for concurrent use.
type Ring[E any] struct {
	most       int // number of changes that are kept
	maxBytes   int // and their size
	quiet      bool
	revisionOf func(*E) uint64
	sizeOf     func(*E) int

	// mu guards everything below. It is never held while a match function runs.
	mu       sync.Mutex
	kept     []*E // ordered by revision, the oldest at head
	head     int
	bytes    int           // size of the changes that are kept
	revision uint64        // of the state machine: all changes up to it are kept or dropped
	dropped  uint64        // the newest revision that is no longer kept
	changed  chan struct{} // closed when revision changes; if quiet, when there is another change
}

// Publish adds the events of one log entry. revision is the state machine's revision after the entry.
func (r *Ring[E]) Publish(events []*E, revision uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(events) == 0 && (revision == r.revision || r.quiet) {
		r.revision = revision
		return
	}
	for _, e := range events {
		r.kept = append(r.kept, e)
		r.bytes += r.sizeOf(e)
	}
	r.trim()
	r.move(revision)
}

// trim drops the oldest events over the bounds of count and size. The caller must hold mu.
func (r *Ring[E]) trim() {
	for len(r.kept)-r.head > r.most || r.bytes > r.maxBytes {
		oldest := r.kept[r.head]
		r.kept[r.head] = nil
		r.head++
		r.bytes -= r.sizeOf(oldest)
		r.dropped = r.revisionOf(oldest)
	}
	if r.head > len(r.kept)/2 {
		r.kept = slices.Clone(r.kept[r.head:])
		r.head = 0
	}
}

// Reset replaces all events with those of a restored state machine. dropped is the newest revision whose event is not
// available.
func (r *Ring[E]) Reset(events []*E, dropped, revision uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept, r.head, r.bytes, r.dropped = events, 0, 0, dropped
	for _, e := range events {
		r.bytes += r.sizeOf(e)
	}
	r.trim()
	r.move(revision)
}

func (r *Ring[E]) move(revision uint64) {
	r.revision = revision
	close(r.changed)
	r.changed = make(chan struct{})
}

// Revision returns the revision up to which events were published.
func (r *Ring[E]) Revision() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.revision
}

// Reached waits until the revision up to which changes were published is at least a given one. It must not be called on
// a ring that is quiet.
func (r *Ring[E]) Reached(ctx context.Context, revision uint64) error {
	for {
		r.mu.Lock()
		now, changed := r.revision, r.changed
		r.mu.Unlock()
		if now >= revision {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// Next returns the events after a revision that match, oldest first and no more than most. It waits until there is
// one or ctx ends. upTo is the revision up to which all events that match were returned: the next call continues there.
// If events after the revision were dropped, the error is a *fsm.Gone. If the revision is ahead of this node, Next
// waits until the node has reached it.
func (r *Ring[E]) Next(
	ctx context.Context, after uint64, match func(*E) bool, most int,
) (events []*E, upTo uint64, err error) {
	for {
		r.mu.Lock()
		if after < r.dropped {
			gone := &fsm.Gone{Oldest: r.dropped, Current: r.revision}
			r.mu.Unlock()
			return nil, after, gone
		}
		fresh, upTo := r.since(after)
		changed := r.changed
		r.mu.Unlock()

		for _, e := range fresh {
			if len(events) == most {
				return events, r.revisionOf(events[most-1]), nil
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
func (r *Ring[E]) since(after uint64) (events []*E, upTo uint64) {
	kept := r.kept[r.head:]
	i, found := slices.BinarySearchFunc(kept, after, func(e *E, after uint64) int {
		return cmp.Compare(r.revisionOf(e), after)
	})
	if found {
		i++
	}
	if kept = kept[i:]; len(kept) > maxScan {
		kept = kept[:maxScan]
		return slices.Clone(kept), r.revisionOf(kept[maxScan-1])
	}
	return slices.Clone(kept), r.revision
}

// Before returns the newest changes before a revision that match, newest first and at most most. Next is the revision
// from which to continue, or 0 if there are no older ones. Before never waits.
func (r *Ring[E]) Before(before uint64, match func(*E) bool, most int) (events []*E, next uint64) {
	r.mu.Lock()
	kept := slices.Clone(r.kept[r.head:])
	r.mu.Unlock()
	for _, e := range slices.Backward(kept) {
		switch {
		case r.revisionOf(e) >= before, !match(e):
		case len(events) == most:
			return events, r.revisionOf(events[most-1])
		default:
			events = append(events, e)
		}
	}
	return events, 0
}

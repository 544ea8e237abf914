// Package watch delivers the state machine's events to watchers. It keeps bounded rings of changes and has no list of
// readers: a reader has a revision, and requests the events after it. So Apply never waits for a reader, and a slow
// reader can only lose its own position.
package watch

import (
	"sync"
	"sync/atomic"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/document"
)

// Hub has the newest events of a node, and the newest changes of the objects of the Kubernetes API, in a ring of its own:
// a client there renews a Lease by writing it, and must not shorten what is kept of the events.
type Hub struct {
	*Ring[fsm.Event]
	Objects *Ring[document.Change]

	activity    activity
	watchers    atomic.Int64
	maxWatchers int64
}

// New returns a hub with at most maxWatchers watchers. Each of its rings takes at most fsm.MaxHistoryBytes, and at most a
// quarter of maxState, the maximum size of the node's state in bytes (0: no limit).
func New(maxWatchers, maxState int) *Hub {
	maxBytes := fsm.MaxHistoryBytes
	if maxState > 0 {
		maxBytes = min(maxBytes, maxState/4)
	}
	return &Hub{
		maxWatchers: int64(maxWatchers),
		Ring: &Ring[fsm.Event]{
			most: fsm.MaxHistoryEvents, maxBytes: maxBytes, changed: make(chan struct{}), sizeOf: (*fsm.Event).Size,
			revisionOf: func(e *fsm.Event) uint64 { return e.Revision },
		},
		Objects: &Ring[document.Change]{
			most: fsm.MaxHistoryEvents, maxBytes: maxBytes, changed: make(chan struct{}), sizeOf: (*document.Change).Size, quiet: true,
			revisionOf: func(c *document.Change) uint64 { return c.Revision },
		},
	}
}

// PublishObjects adds the changes of the objects of one log entry. revision is the state machine's revision after it.
func (h *Hub) PublishObjects(changes []*document.Change, revision uint64) {
	h.Objects.Publish(changes, revision)
}

// ResetObjects drops all changes of objects up to the revision of a restored state machine, which has none.
func (h *Hub) ResetObjects(revision uint64) { h.Objects.Reset(nil, revision, revision) }

// Publish adds events of leases: see Ring.Publish. It counts them by the minute.
func (h *Hub) Publish(events []*fsm.Event, revision uint64) {
	h.activity.add(events)
	h.Ring.Publish(events, revision)
}

// Reset replaces the events by those of a restored state machine: see Ring.Reset.
func (h *Hub) Reset(events []*fsm.Event, dropped, revision uint64) {
	h.activity.reset()
	h.activity.add(events)
	h.Ring.Reset(events, dropped, revision)
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

package feed

import (
	"context"

	"github.com/lockd/lockd/internal/fsm"
)

// Events is the interface of the node that watches need.
type Events interface {
	// Next returns the events after a revision that match, oldest first and at most max. Existing events are returned
	// even if ctx has ended. Without an event, it waits for one, and returns ctx.Err() if ctx ends first. upTo is the
	// revision up to which all events that match were returned, and the value of after for the next call. It is never
	// below after, and is also valid together with ctx.Err(). If events after the revision are no longer available, the
	// error is *fsm.Gone.
	Next(ctx context.Context, after uint64, match func(*fsm.Event) bool, max int) (events []*fsm.Event, upTo uint64, err error)

	// State returns the lease with this name, or all leases with this prefix if the name is empty.
	State(name, prefix string) State

	// Before returns the newest events before a revision that match, newest first and at most max. next is the value of
	// before for the next call, or 0 if there are no older events.
	Before(before uint64, match func(*fsm.Event) bool, max int) (events []*fsm.Event, next uint64)

	// Activity returns the numbers of events by type, for each minute of the hour before a time in Unix milliseconds.
	Activity(now int64) []Minute

	// Join registers a watcher, or returns fsm.ErrOverloaded if the bound is reached. done removes the watcher.
	Join() (done func(), err error)
}

// A Minute has the numbers of events in a minute, by their type.
type Minute struct {
	Start  int64 // Unix milliseconds
	Counts map[fsm.EventType]uint64
}

// A State has the leases at one revision, in pages. It is not safe for concurrent use.
type State interface {
	Revision() uint64
	// Next returns the next page, and whether another one follows it.
	Next() (page []*fsm.View, more bool)
}

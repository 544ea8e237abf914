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

	// Join registers a watcher, or returns fsm.ErrOverloaded if the bound is reached. done removes the watcher.
	Join() (done func(), err error)
}

// A State has the leases at one revision, in pages. It is not safe for concurrent use.
type State interface {
	Revision() uint64
	// Next returns the next page, and whether another one follows it.
	Next() (page []*fsm.View, more bool)
}

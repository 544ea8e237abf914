// Package feed produces what a watcher receives: the state, then the events after it, and marks from which to resume. A
// stream and a long-poll send the same.
package feed

import (
	"context"
	"errors"
	"strings"

	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
)

// batch bounds the events that are read at once.
const batch = 256

// Notice is one message to a watcher: an event of a lease, or information about the watch itself.
type Notice struct {
	Event *fsm.Event // nil if Info is set
	Info  *view.Event
}

// Body returns the body of the notice.
func (n Notice) Body() *view.Event {
	if n.Event != nil {
		return view.NewEvent(n.Event)
	}
	return n.Info
}

// Feed produces the notices for one watcher. It is not safe for concurrent use.
type Feed struct {
	Events       Events
	Name, Prefix string                 // of the leases; an empty Name means all with the prefix
	Visible      func(name string) bool // reports whether the watcher may read a lease
	After        uint64                 // the revision up to which the notices have been returned
	Fresh        bool                   // it begins with the state
	Leave        func()                 // called after the last page of the state

	state State // nil unless a state is being returned
}

// InState reports whether a state is being returned: pages of it follow.
func (f *Feed) InState() bool { return f.state != nil }

// Next returns the next notices. It waits for them until ctx ends, and then returns a mark: the point from which to
// resume. An error, such as *fsm.Gone, ends the feed.
func (f *Feed) Next(ctx context.Context) ([]Notice, error) {
	if f.Fresh {
		f.Fresh, f.state = false, f.Events.State(f.Name, f.Prefix)
		f.After = f.state.Revision()
	}
	if f.state != nil {
		return f.page(), nil
	}
	events, upTo, err := f.Events.Next(ctx, f.After, f.match, batch)
	if gone, ok := errors.AsType[*fsm.Gone](err); ok {
		return []Notice{{Info: &view.Event{Revision: gone.Current, Type: "gone", Kept: &view.Kept{Oldest: gone.Oldest, Current: gone.Current}}}}, gone
	}
	if err != nil && ctx.Err() == nil {
		return nil, err
	}
	f.After = max(f.After, upTo)
	if len(events) == 0 {
		return []Notice{{Info: &view.Event{Revision: f.After, Type: "mark"}}}, nil
	}
	notices := make([]Notice, len(events))
	for i, e := range events {
		notices[i].Event = e
	}
	return notices, nil
}

// page returns the next leases of the state, and synced after the last of them.
func (f *Feed) page() []Notice {
	var notices []Notice
	for more := true; more && len(notices) == 0; {
		var leases []*fsm.View
		leases, more = f.state.Next()
		for _, v := range leases {
			if f.matches(v.Lease.Name) {
				notices = append(notices, Notice{Info: &view.Event{
					Revision: f.After, Type: "state", Name: v.Lease.Name, Lease: view.NewLease(v, fsm.MaxShown),
				}})
			}
		}
		if !more {
			f.state = nil
			f.Leave()
			notices = append(notices, Notice{Info: &view.Event{Revision: f.After, Type: "synced"}})
		}
	}
	return notices
}

func (f *Feed) match(e *fsm.Event) bool { return f.matches(e.Name) }

func (f *Feed) matches(name string) bool {
	return (f.Name == "" || f.Name == name) && strings.HasPrefix(name, f.Prefix) && f.Visible(name)
}

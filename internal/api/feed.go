package api

import (
	"context"
	"errors"
	"strings"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
)

// watchBatch bounds the events that a watch reads at once.
const watchBatch = 256

// notice is one message to a watcher: an event of a lease, or information about the watch itself.
type notice struct {
	event *fsm.Event // nil if info is set
	info  *view.Event
}

func (n notice) body() *view.Event {
	if n.event != nil {
		return view.NewEvent(n.event)
	}
	return n.info
}

// feed produces the notices for one watcher, for a stream and for a long-poll.
type feed struct {
	events       Events
	name, prefix string
	after        uint64
	visible      func(name string) bool
	fresh        bool // the watch begins with the state
	state        State
	leave        func() // frees the place for sending the state
}

// next returns the next notices. It waits for them until ctx ends, and then returns a mark: the point from which to
// resume. An error, such as *fsm.Gone, ends the feed.
func (f *feed) next(ctx context.Context) ([]notice, error) {
	if f.fresh {
		f.fresh, f.state = false, f.events.State(f.name, f.prefix)
		f.after = f.state.Revision()
	}
	if f.state != nil {
		return f.page(), nil
	}
	events, upTo, err := f.events.Next(ctx, f.after, f.match, watchBatch)
	if gone, ok := errors.AsType[*fsm.Gone](err); ok {
		return []notice{{info: &view.Event{Revision: gone.Current, Type: "gone", Kept: &view.Kept{Oldest: gone.Oldest, Current: gone.Current}}}}, gone
	}
	if err != nil && ctx.Err() == nil {
		return nil, err
	}
	f.after = max(f.after, upTo)
	if len(events) == 0 {
		return []notice{{info: &view.Event{Revision: f.after, Type: "mark"}}}, nil
	}
	notices := make([]notice, len(events))
	for i, e := range events {
		notices[i].event = e
	}
	return notices, nil
}

// page returns the next leases of the state, and synced after the last of them.
func (f *feed) page() []notice {
	var notices []notice
	for more := true; more && len(notices) == 0; {
		var leases []*fsm.View
		leases, more = f.state.Next()
		for _, v := range leases {
			if f.matches(v.Lease.Name) {
				notices = append(notices, notice{info: &view.Event{
					Revision: f.after, Type: "state", Name: v.Lease.Name, Lease: view.NewLease(v, fsm.MaxShown),
				}})
			}
		}
		if !more {
			f.state = nil
			f.leave()
			notices = append(notices, notice{info: &view.Event{Revision: f.after, Type: "synced"}})
		}
	}
	return notices
}

func (f *feed) match(e *fsm.Event) bool { return f.matches(e.Name) }

func (f *feed) matches(name string) bool {
	return (f.name == "" || f.name == name) && strings.HasPrefix(name, f.prefix) && f.visible(name)
}

// newFeed returns the feed for the request's parameters. Last-Event-ID takes precedence over after, because a browser that
// reconnects repeats its first URL. If a parameter is invalid, it sends the answer and returns false.
func newFeed(c *call) (*feed, bool) {
	q := &c.query
	f := &feed{events: c.s.cfg.Events, prefix: q.NamePart("prefix"), name: q.Name("name")}
	f.after, f.fresh = q.Integer("after", 0, 0, fsm.MaxSafeInteger), !q.Has("after")
	if ids := c.r.Header.Values("Last-Event-ID"); len(ids) > 0 {
		f.after, f.fresh = q.Number("Last-Event-ID", ids[0], 0, fsm.MaxSafeInteger), false
	}
	if c.misread() {
		return nil, false
	}
	var names []string
	if f.name != "" {
		names = []string{f.name}
	}
	if !allow(c, access.Read, names...) {
		return nil, false
	}
	f.visible = func(name string) bool { return c.caller.sees(access.Read, name) }
	return f, true
}

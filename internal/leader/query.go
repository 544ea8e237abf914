package leader

import (
	"slices"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

// Query answers a linearizable read: what is applied once a quorum has confirmed the
// term. It does not block.
func (t *Term) Query(q fsm.Query, respond func(fsm.Answer, error)) {
	if !t.Serves() {
		respond(fsm.Answer{}, fsm.ErrNoLeader)
		return
	}
	var a fsm.Answer
	var all *fsm.Leases
	t.confirmer.add(check{
		commit: t.host.CommitIndex(),
		look: func(m *fsm.Machine) {
			if a.Outcome = m.CheckQuery(q, t.host.Wall()); a.Outcome != access.Done {
				a.Revision = m.Revision()
				return
			}
			if q.Kind == fsm.QueryList && q.Scans() {
				all = m.Leases()
				return
			}
			a = Find(m, q, t.viewAt(m, t.host.Now()))
		},
		respond: func(err error) {
			if err != nil || all == nil {
				respond(a, err)
				return
			}
			t.host.Go(func() { respond(t.search(all, q), nil) })
		},
	})
}

// viewAt returns what shows a lease with the leader's clocks.
func (t *Term) viewAt(m *fsm.Machine, now time.Duration) func(*fsm.Lease) *fsm.View {
	return func(l *fsm.Lease) *fsm.View { return t.state.view(m, l, now, MaxShown) }
}

// search returns a page of the leases that a query selects. It may have to look at all leases, so it looks at a copy.
func (t *Term) search(all *fsm.Leases, q fsm.Query) fsm.Answer {
	page, a := searched(all, q)
	t.host.View(func(r *Replica) {
		show := t.viewAt(r.Machine, t.host.Now())
		for _, l := range page {
			a.Views = append(a.Views, show(l))
		}
	})
	return a
}

// Search returns a page of the leases that a query selects, without the clocks of a leader, at a cluster time.
func Search(all *fsm.Leases, q fsm.Query, now fsm.Millis) fsm.Answer {
	page, a := searched(all, q)
	for _, l := range page {
		a.Views = append(a.Views, &fsm.View{
			Lease: l, Revision: a.Revision, Now: now, Holders: len(l.Holds), Waiters: len(l.Queue),
		})
	}
	return a
}

func searched(all *fsm.Leases, q fsm.Query) ([]*fsm.Lease, fsm.Answer) {
	page, next := fit(all.Page(q.Selection, q.After, listed(q)))
	if q.Order != 0 {
		next = "" // a cursor is a name
	}
	return page, fsm.Answer{Revision: all.Revision(), Next: next}
}

// MaxShown is above every bound: a read shows all holders and waiters.
const MaxShown = fsm.MaxLimit + fsm.MaxQueue

// Find returns what a query asks for, with the views that show makes.
func Find(m *fsm.Machine, q fsm.Query, show func(*fsm.Lease) *fsm.View) fsm.Answer {
	a := fsm.Answer{Revision: m.Revision()}
	switch q.Kind {
	case fsm.QueryLease:
		a.Views = []*fsm.View{show(m.Lease(q.Name))}
	case fsm.QueryList:
		var page []*fsm.Lease
		page, a.Next = fit(m.Page(q.Selection, q.After, listed(q)))
		for _, l := range page {
			a.Views = append(a.Views, show(l))
		}
	case fsm.QueryHistory:
		a.Events = newestFirst(m.Lease(q.Name))
	case fsm.QueryExplain:
		l := m.Lease(q.Name)
		a.Views, a.Events, a.Own = []*fsm.View{show(l)}, newestFirst(l), fsm.OwnOf(m, q.Name, q.Session)
	case fsm.QueryObject:
		a.Object = fsm.Documents(m).Get(q.Object)
	}
	return a
}

func newestFirst(l *fsm.Lease) []*fsm.Event {
	events := slices.Clone(l.Events())
	slices.Reverse(events)
	return events
}

func listed(q fsm.Query) int { return min(max(q.Limit, 1), fsm.MaxListed) }

// maxPageBytes bounds a page approximately, so that it fits a call between nodes.
const maxPageBytes = 16 << 20

// fit ends a page early if it gets too long; it has at least one lease.
func fit(page []*fsm.Lease, next string) ([]*fsm.Lease, string) {
	size := 0
	for i, l := range page {
		for _, h := range l.Holds {
			size += 256 + len(h.Holder) + len(h.Meta)
		}
		for _, t := range l.Queue {
			size += 128 + len(t.Holder)
		}
		if size > maxPageBytes && i > 0 {
			return page[:i], page[i-1].Name
		}
	}
	return page, next
}

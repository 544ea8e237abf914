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
			if q.Kind == fsm.QueryList && q.Holder != "" {
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

// search returns a page of the leases that a holder name holds. It may have to look at all
// leases, so it looks at a copy.
func (t *Term) search(all *fsm.Leases, q fsm.Query) fsm.Answer {
	page, next := fit(all.Page(q.Prefix, q.Holder, q.After, listed(q)))
	a := fsm.Answer{Revision: all.Revision(), Next: next}
	t.host.View(func(r *Replica) {
		show := t.viewAt(r.Machine, t.host.Now())
		for _, l := range page {
			a.Views = append(a.Views, show(l))
		}
	})
	return a
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
		page, a.Next = fit(m.Page(q.Prefix, q.Holder, q.After, listed(q)))
		for _, l := range page {
			a.Views = append(a.Views, show(l))
		}
	case fsm.QueryHistory:
		a.Events = slices.Clone(m.Lease(q.Name).Events())
		slices.Reverse(a.Events)
	case fsm.QueryObject:
		a.Object = fsm.Documents(m).Get(q.Object)
	}
	return a
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

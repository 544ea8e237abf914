package cluster

import (
	"context"
	"slices"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// query answers a linearizable read: what is applied once a quorum has
// confirmed the term. It does not block.
func (t *term) query(q fsm.Query, respond func(fsm.Answer, error)) {
	var a fsm.Answer
	var wide *fsm.Leases
	t.confirmer.add(leader.Check{
		Commit: t.n.raft.CommitIndex(),
		Look: func(m *fsm.Machine) {
			if q.Kind == fsm.QueryList && q.Holder != "" {
				wide = m.Leases()
				return
			}
			now := t.n.now()
			a = look(m, q, func(l *fsm.Lease) *fsm.View { return t.state.Show(m, l, now, maxShownInRead) })
		},
		Respond: func(err error) {
			if err != nil || wide == nil {
				respond(a, err)
				return
			}
			go func() { respond(t.search(wide, q), nil) }()
		},
	})
}

// search pages through the leases that a label holds. That may look at all of
// them, so it looks at a copy.
func (t *term) search(s *fsm.Leases, q fsm.Query) fsm.Answer {
	page, next := fit(s.Page(q.Prefix, q.Holder, q.After, min(max(q.Limit, 1), fsm.MaxListed)))
	a := fsm.Answer{Revision: s.Revision(), Next: next}
	t.n.replica.mu.Lock()
	defer t.n.replica.mu.Unlock()
	now := t.n.now()
	for _, l := range page {
		a.Views = append(a.Views, t.state.Show(t.n.replica.machine, l, now, maxShownInRead))
	}
	return a
}

// maxPageBytes bounds a page about, so that it fits a call between nodes.
const maxPageBytes = 16 << 20

// fit cuts a page where it gets too long; there is always one lease on it.
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

// maxShownInRead is above every bound: a read shows all holders and waiters.
const maxShownInRead = fsm.MaxLimit + fsm.MaxQueue

// look finds what a query asks for.
func look(m *fsm.Machine, q fsm.Query, show func(*fsm.Lease) *fsm.View) fsm.Answer {
	a := fsm.Answer{Revision: m.Revision()}
	switch q.Kind {
	case fsm.QueryLease:
		a.Views = []*fsm.View{show(m.Lease(q.Name))}
	case fsm.QueryList:
		var page []*fsm.Lease
		page, a.Next = fit(m.Page(q.Prefix, q.Holder, q.After, min(max(q.Limit, 1), fsm.MaxListed)))
		for _, l := range page {
			a.Views = append(a.Views, show(l))
		}
	case fsm.QueryHistory:
		a.Events = slices.Clone(m.Lease(q.Name).Events())
		slices.Reverse(a.Events)
	}
	return a
}

// stale answers a read from this node as it is.
func (n *Node) stale(q fsm.Query) fsm.Answer {
	var a fsm.Answer
	n.replica.view(func(m *fsm.Machine) {
		now := n.replica.clusterNow()
		a = look(m, q, func(l *fsm.Lease) *fsm.View {
			v := m.Show(l, maxShownInRead)
			v.Now = now
			return v
		})
	})
	a.Age = n.age()
	return a
}

// age returns how long ago this node last heard from a leader; 0 on a leader
// that serves, -1 where it never has.
func (n *Node) age() fsm.Millis {
	if n.term.Load() != nil {
		return 0
	}
	if n.raft == nil {
		return -1
	}
	last := n.raft.LastContact()
	if last.IsZero() {
		return -1
	}
	return leader.Millis(time.Since(last))
}

// Query answers a read: linearizable through the leader, or, where stale is
// true, from this node, with its age. Errors are fsm.ErrNoLeader and its kin;
// a read is never unknown.
func (n *Node) Query(ctx context.Context, q fsm.Query, stale bool) (fsm.Answer, error) {
	if stale {
		return n.stale(q), nil
	}
	for {
		route := n.route()
		var a fsm.Answer
		err := fsm.ErrNoLeader
		switch {
		case route.term != nil:
			a, err = await(ctx, func(respond func(fsm.Answer, error)) { route.term.query(q, respond) })
		case route.leader != "":
			a, err = n.forwardQuery(ctx, route, q)
		}
		if err == nil || !n.again(ctx, route, err) {
			return a, definite(err)
		}
	}
}

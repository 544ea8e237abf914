package cluster

import (
	"context"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
	"github.com/lockd/lockd/internal/tracing"
)

// stale answers a read from this node as it is. A read that has to look at all leases looks at a copy.
func (n *Node) stale(q fsm.Query) fsm.Answer {
	var a fsm.Answer
	var all *fsm.Leases
	var now fsm.Millis
	n.replica.view(func(m *fsm.Machine) {
		now = n.replica.clusterNow()
		if q.Kind == fsm.QueryList && q.Scans() {
			all = m.Leases()
			return
		}
		a = leader.Find(m, q, func(l *fsm.Lease) *fsm.View {
			v := m.Show(l, leader.MaxShown)
			v.Now = now
			return v
		})
	})
	if all != nil {
		a = leader.Search(all, q, now)
	}
	a.Age = n.age()
	return a
}

// age returns how long ago this node last received a request of a leader; 0 on a leader
// that serves, -1 if it never has.
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

// Query answers a read: linearizable through the leader or, if stale is true, from this node
// with its age. Errors are fsm.ErrNoLeader, ErrNotReady and ErrOverloaded.
func (n *Node) Query(ctx context.Context, q fsm.Query, stale bool) (fsm.Answer, error) {
	if stale {
		return n.stale(q), nil
	}
	q.Session = access.SealSession(n.replica.known.current.Load().salt, q.Session) // it does not leave the node as it is
	for {
		route := n.router.route()
		var a fsm.Answer
		err := fsm.ErrNoLeader
		step := tracing.StartStep(ctx, "confirm", route.leader)
		switch {
		case route.term != nil:
			a, err = await(ctx, func(respond func(fsm.Answer, error)) { route.term.leader.Query(q, respond) })
		case route.leader != "":
			a, err = n.router.forwardQuery(ctx, route.leader, q)
		}
		step.End(err)
		if err == nil || !n.router.again(ctx, route, err) {
			return a, leader.Definite(err)
		}
	}
}

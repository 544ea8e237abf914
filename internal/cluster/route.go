package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
	"github.com/lockd/lockd/internal/transport"
)

// A route is the way to the leader as it is at one moment.
type route struct {
	term    *term           // this node leads and serves
	leader  string          // or: the leader's ID, where one is known
	changed <-chan struct{} // closed when the way changes
}

func (n *Node) route() route {
	n.mu.Lock()
	r := route{changed: n.changed}
	n.mu.Unlock()
	if r.term = n.term.Load(); r.term == nil && n.raft != nil {
		if _, id := n.raft.LeaderWithID(); string(id) != n.identity().ID() {
			r.leader = string(id)
		}
	}
	return r
}

// routeChanged wakes who waits for a leader. Calls to a leader that no longer
// leads are cut, so that their waits are asked again of the next one.
func (n *Node) routeChanged() {
	_, id := n.raft.LeaderWithID()
	n.mu.Lock()
	close(n.changed)
	n.changed = make(chan struct{})
	var former *transport.Client
	if now := string(id); now != n.leader {
		former = n.clients[n.leader]
		delete(n.clients, n.leader)
		n.leader = now
	}
	n.mu.Unlock()
	if former != nil {
		former.Close() // never under mu: it has a lock of its own
	}
}

// observe asks Raft for word of leaders and peers.
func (n *Node) observe() <-chan raft.Observation {
	word := make(chan raft.Observation, 64)
	n.raft.RegisterObserver(raft.NewObserver(word, false, func(o *raft.Observation) bool {
		switch o.Data.(type) {
		case raft.LeaderObservation, raft.PeerObservation:
			return true
		}
		return false
	}))
	return word
}

// follow keeps the way to the leader up to date.
func (n *Node) follow(ctx context.Context, observed <-chan raft.Observation) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case o := <-observed:
			if l, ok := o.Data.(raft.LeaderObservation); ok && l.LeaderID != "" {
				n.log.Info("the leader is known", "leader", string(l.LeaderID))
			}
			n.routeChanged()
		}
	}
}

// client returns the client for a node.
func (n *Node) client(id string) *transport.Client {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.clients[id]
	if c == nil {
		c = n.newClient(id)
		n.clients[id] = c
	}
	return c
}

// again waits a moment after an attempt that may be made again, and reports
// whether it should be: nothing was applied, or the call is idempotent, and the
// caller's time is not over.
func (n *Node) again(ctx context.Context, r route, err error) bool {
	if errors.Is(err, fsm.ErrOverloaded) || ctx.Err() != nil || n.leaving.Load() {
		return false
	}
	wait := time.NewTimer(leader.RetryPause)
	defer wait.Stop()
	select {
	case <-r.changed:
	case <-wait.C:
	case <-ctx.Done():
		return false
	}
	return true
}

// await turns a call that answers later into one that waits. Where ctx ends
// first, nobody knows.
func await[T any](ctx context.Context, call func(respond func(T, error))) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	call(func(v T, err error) { answers <- answer{v, err} })
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		var zero T
		return zero, fsm.ErrUnknown
	}
}

package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/cluster/replies"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/outcome"
	"github.com/lockd/lockd/internal/leader"
	"github.com/lockd/lockd/internal/transport"
)

// A route is the current way to the leader.
type route struct {
	term    *term           // this node leads and serves
	leader  string          // or: the leader's ID, if one is known
	changed <-chan struct{} // closed when the way changes
}

// router knows the way to the leader, and sends calls there.
type router struct {
	n *Node

	// mu guards the rest.
	mu      sync.Mutex
	leader  string        // the leader's ID as last seen
	changed chan struct{} // closed when the way to the leader changes
}

func (r *router) route() route {
	r.mu.Lock()
	way := route{changed: r.changed}
	r.mu.Unlock()
	if way.term = r.n.term.Load(); way.term == nil && r.n.raft != nil {
		if id := r.n.raft.leader(); id != r.n.self.identity().ID() {
			way.leader = id
		}
	}
	return way
}

// routeChanged wakes callers that wait for a leader. It closes the connection to a
// former leader, so that the calls that wait there are sent to the next one.
func (r *router) routeChanged() {
	now := r.n.raft.leader()
	r.mu.Lock()
	close(r.changed)
	r.changed = make(chan struct{})
	former := r.leader
	r.leader = now
	r.mu.Unlock()
	if former != now {
		r.n.peers.drop(former)
	}
}

// observe subscribes to Raft's observations of leaders and peers.
func (r *router) observe() <-chan raft.Observation {
	observations := make(chan raft.Observation, 64)
	r.n.raft.RegisterObserver(raft.NewObserver(observations, false, func(o *raft.Observation) bool {
		switch o.Data.(type) {
		case raft.LeaderObservation, raft.PeerObservation:
			return true
		}
		return false
	}))
	return observations
}

// follow keeps the way to the leader up to date.
func (r *router) follow(ctx context.Context, observed <-chan raft.Observation) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case o := <-observed:
			if l, ok := o.Data.(raft.LeaderObservation); ok && l.LeaderID != "" {
				r.n.log.Info("the leader is known", "leader", cmp.Or(r.n.LeaderName(), string(l.LeaderID)))
			}
			r.routeChanged()
		}
	}
}

// again waits a moment after a failed attempt, and reports whether there is time for another
// one.
func (r *router) again(ctx context.Context, way route, err error) bool {
	if errors.Is(err, fsm.ErrOverloaded) || ctx.Err() != nil || r.n.leaving.Load() {
		return false
	}
	wait := time.NewTimer(leader.RetryPause)
	defer wait.Stop()
	select {
	case <-way.changed:
	case <-wait.C:
	case <-ctx.Done():
		return false
	}
	return true
}

// forward sends a command to the leader: one hop and one attempt. Do decides on further
// attempts.
func (r *router) forward(ctx context.Context, to string, c fsm.Command) (fsm.Reply, error) {
	answer, err := r.ask(ctx, to, callDo, func(version uint64) ([]byte, error) {
		return fsm.EncodeCommand(c, version)
	})
	if err != nil {
		return fsm.Reply{}, err
	}
	reply, err := outcome.DecodeReply(answer.Payload, answer.Version)
	if err != nil {
		r.n.log.Error("the leader's answer cannot be read", "err", err)
		return fsm.Reply{}, fsm.ErrUnknown
	}
	return reply, nil
}

func (r *router) forwardQuery(ctx context.Context, to string, q fsm.Query) (fsm.Answer, error) {
	answer, err := r.ask(ctx, to, callQuery, func(version uint64) ([]byte, error) {
		return fsm.EncodeQuery(q, version)
	})
	if err != nil {
		return fsm.Answer{}, err
	}
	return outcome.DecodeAnswer(answer.Payload, answer.Version)
}

// ask makes a call, and converts its error to one of fsm.
func (r *router) ask(
	ctx context.Context, id string, method byte, encode func(version uint64) ([]byte, error),
) (transport.Answer, error) {
	answer, err := r.n.peers.client(id).Call(ctx, method, encode)
	switch {
	case errors.Is(err, fsm.ErrNotYet):
		return answer, fsm.ErrNotYet
	case errors.Is(err, transport.ErrNotSent):
		return answer, fmt.Errorf("%w (%w)", fsm.ErrNoLeader, err)
	case err != nil:
		return answer, fmt.Errorf("%w (%w)", fsm.ErrUnknown, err)
	}
	return answer, replies.Error(answer.Status, answer.Payload)
}

// await waits for the response of a call. It returns fsm.ErrUnknown if ctx ends first.
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

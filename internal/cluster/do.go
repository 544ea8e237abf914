package cluster

import (
	"context"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
	"github.com/lockd/lockd/internal/tracing"
)

// Do passes a command to the leader, wherever it is, and returns its answer. It makes
// attempts for as long as ctx allows; see leader.Call. An Acquire that waits is sent again
// to a new leader: its session finds its ticket or its grant there.
//
// Errors are fsm.ErrNoLeader, ErrNotReady and ErrOverloaded (nothing was
// applied) and fsm.ErrUnknown.
func (n *Node) Do(ctx context.Context, c fsm.Command) (fsm.Reply, error) {
	call, ok := n.clients.calls.Call(c, n.now(), n.replica.revision.Load())
	if !ok {
		return fsm.Reply{}, fsm.ErrOverloaded
	}
	defer call.End()
	for {
		route := n.router.route()
		step := tracing.StartStep(ctx, stepOf(c), route.leader)
		reply, err := n.try(ctx, route, call.Attempt(n.now()))
		step.End(err)
		v := call.Outcome(reply, err, ctx.Err() != nil)
		switch {
		case v.Retry == leader.NoRetry:
			n.Abandon(v.CleanUp...)
			return v.Reply, v.Err
		case v.Retry == leader.RetryLater && !n.router.again(ctx, route, err):
			return fsm.Reply{}, call.GiveUp(err)
		}
	}
}

func (n *Node) try(ctx context.Context, r route, c fsm.Command) (fsm.Reply, error) {
	c = fsm.Sealed(c, n.replica.known.current.Load().salt)
	switch {
	case n.leaving.Load():
		return fsm.Reply{}, fsm.ErrNotReady
	case r.term != nil:
		arrival := n.now()
		return await(ctx, func(respond func(fsm.Reply, error)) { r.term.leader.Submit(c, arrival, respond) })
	case r.leader != "":
		return n.router.forward(ctx, r.leader, c)
	}
	return fsm.Reply{}, fsm.ErrNoLeader
}

// stepOf returns the name of the span of a command on the leader: what it waits for.
func stepOf(c fsm.Command) string {
	switch t := c.Traits(); {
	case t.Wait > 0:
		return "queue"
	case t.Lane == fsm.LaneRenewal:
		return "confirm"
	}
	return "commit"
}

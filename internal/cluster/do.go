package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/lockd/lockd/internal/cluster/reign"
	"github.com/lockd/lockd/internal/fsm"
)

// Do passes a command to the leader, wherever it is, and returns its answer. It
// asks again for as long as ctx allows where nothing was applied, and, where
// that is not known, only what may be repeated. An Acquire that waits is asked
// again of a new leader: its session finds its ticket or its grant there.
//
// Errors are fsm.ErrNoLeader, ErrNotReady and ErrOverloaded (nothing was
// applied) and fsm.ErrUnknown.
func (n *Node) Do(ctx context.Context, c fsm.Command) (fsm.Reply, error) {
	leave, ok := n.admission.enter(c)
	if !ok {
		return fsm.Reply{}, fsm.ErrOverloaded
	}
	defer leave()
	arrival := n.now()
	acquire, _ := c.(*fsm.Acquire)
	if acquire != nil && acquire.Attach == (fsm.Attach{}) {
		acquire.Attach = n.attempts(1)
	}
	if all, ok := c.(*fsm.AcquireAll); ok && all.Attach == (fsm.Attach{}) {
		all.Attach = n.attempts(len(all.Names))
	}
	unknown := false
	for {
		route := n.route()
		passed := n.now() - arrival
		attempt := c
		if acquire != nil {
			attempt = remaining(acquire, passed)
		}
		reply, err := n.try(ctx, route, attempt)
		if err == nil {
			// The leader counted from the last attempt, the caller from the first.
			reply.Waited += reign.Waited(passed)
			if unknown && n.mayYetBeGranted(c, reply) {
				return fsm.Reply{}, fsm.ErrUnknown
			}
			return reply, nil
		}
		if errors.Is(err, fsm.ErrUnknown) {
			unknown = true
		}
		if unknown && !idempotent(c) || !n.again(ctx, route, err) {
			if unknown {
				return fsm.Reply{}, fsm.ErrUnknown
			}
			return fsm.Reply{}, definite(err)
		}
	}
}

// mayYetBeGranted reports whether an acquire that is refused may have been granted
// to an earlier attempt, or may yet be: that one was lost between nodes, and can be
// late. What it was or will be given goes back, and nobody is told that nothing
// was applied. A caller whose ticket stands knows that it may be granted.
func (n *Node) mayYetBeGranted(c fsm.Command, last fsm.Reply) bool {
	if last.Code.OK() || last.Queued {
		return false
	}
	switch c := c.(type) {
	case *fsm.Acquire:
		n.Abandon(c.Leave())
		return true
	case *fsm.AcquireAll:
		n.Abandon(c.Leaves()...)
		return true
	}
	return false
}

// attempts returns the first of so many attempts that are new.
func (n *Node) attempts(count int) fsm.Attach {
	return fsm.Attach{Boot: n.boot, N: n.attempt.Add(uint64(count)) - uint64(count) + 1}
}

// remaining returns an acquire that waits no longer than is left of its wait.
func remaining(c *fsm.Acquire, passed time.Duration) *fsm.Acquire {
	r := *c
	r.Wait = max(0, r.Wait-reign.Millis(passed))
	return &r
}

func (n *Node) try(ctx context.Context, r route, c fsm.Command) (fsm.Reply, error) {
	switch {
	case n.leaving.Load():
		return fsm.Reply{}, fsm.ErrNotReady
	case r.term != nil:
		arrival := n.now()
		return await(ctx, func(respond func(fsm.Reply, error)) { r.term.submit(c, arrival, respond) })
	case r.leader != "":
		return n.forward(ctx, r, c)
	}
	return fsm.Reply{}, fsm.ErrNoLeader
}

// idempotent reports whether a command that may have been applied can be sent
// again: its session, token or attempt makes the second one find the first.
func idempotent(c fsm.Command) bool {
	switch c := c.(type) {
	case *fsm.Release:
		return c.Token != 0
	case *fsm.ReleaseSession:
		return len(c.Only) > 0
	case *fsm.Transfer:
		return c.Token != 0
	}
	return true
}

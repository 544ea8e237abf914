package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
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
	arrival, sent := n.now(), n.seen()
	n.name(c)
	unknown := false
	for {
		route := n.route()
		passed := n.now() - arrival
		reply, err := n.try(ctx, route, attempt(c, passed, sent))
		if err == nil {
			n.saw(reply.Revision)
			if reply.Code == fsm.CodeOutdated && (!unknown || reclaims(c)) && ctx.Err() == nil {
				// This node was behind when it sent the acquire. Its caller still waits.
				sent = reply.Revision
				continue
			}
			// The leader counted from the last attempt, the caller from the first.
			reply.Waited += leader.Waited(passed)
			if n.openAfter(c, reply, unknown) {
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

// openAfter reports whether the outcome of a command is unknown although its last
// attempt was refused: an earlier attempt was lost between nodes, and it may have
// been applied, or may yet be. The refusal then does not mean that nothing was
// applied. What a lost acquire was or will be given goes back. A renewal is the
// exception: if it is refused, the hold has ended, whatever an earlier attempt did.
// An acquire whose caller has a ticket is refused only for now. One that was withdrawn
// has left nothing, whatever an earlier attempt did.
func (n *Node) openAfter(c fsm.Command, last fsm.Reply, unknown bool) bool {
	if last.Code.OK() || last.Code == fsm.CodeWithdrawn || last.Queued || !unknown && last.Code != fsm.CodeOutdated {
		return false
	}
	switch c := c.(type) {
	case *fsm.Acquire:
		n.Abandon(c.Leave())
	case *fsm.AcquireAll:
		n.Abandon(c.Leaves()...)
	case *fsm.Renew, *fsm.RenewSession:
		return false
	}
	return true
}

// name gives an acquire the attempts that its clean-up and its copies are known by.
func (n *Node) name(c fsm.Command) {
	switch c := c.(type) {
	case *fsm.Acquire:
		if c.Attach == (fsm.Attach{}) {
			c.Attach = n.attempts(1)
		}
	case *fsm.AcquireAll:
		if c.Attach == (fsm.Attach{}) {
			c.Attach = n.attempts(len(c.Names))
		}
	}
}

// seen returns the newest revision that this node knows of. It is at least 1: an
// acquire that states 0 does not say when it was sent, and a node that has just
// started knows of no revision yet.
func (n *Node) seen() uint64 { return max(1, n.replica.revision.Load(), n.newest.Load()) }

// saw records the revision of an answer.
func (n *Node) saw(revision uint64) {
	for known := n.newest.Load(); revision > known; known = n.newest.Load() {
		if n.newest.CompareAndSwap(known, revision) {
			return
		}
	}
}

func reclaims(c fsm.Command) bool {
	a, ok := c.(*fsm.Acquire)
	return ok && a.Reclaim
}

// attempts returns the first of so many attempts that are new.
func (n *Node) attempts(count int) fsm.Attach {
	return fsm.Attach{Boot: n.boot, N: n.attempt.Add(uint64(count)) - uint64(count) + 1}
}

// attempt returns what is sent of a command: an acquire says when it was sent, and
// waits no longer than is left of its wait.
func attempt(c fsm.Command, passed time.Duration, sent uint64) fsm.Command {
	switch c := c.(type) {
	case *fsm.Acquire:
		r := *c
		r.Wait, r.Sent = max(0, r.Wait-leader.Millis(passed)), sent
		return &r
	case *fsm.AcquireAll:
		r := *c
		r.Sent = sent
		return &r
	}
	return c
}

func (n *Node) try(ctx context.Context, r route, c fsm.Command) (fsm.Reply, error) {
	switch {
	case n.leaving.Load():
		return fsm.Reply{}, fsm.ErrNotReady
	case r.term != nil:
		arrival := n.now()
		return await(ctx, func(respond func(fsm.Reply, error)) { r.term.leader.Submit(c, arrival, respond) })
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
		return c.Token != 0 || c.Attempt != ""
	case *fsm.ReleaseSession:
		return len(c.Only) > 0
	case *fsm.Transfer:
		return c.Token != 0
	}
	return true
}

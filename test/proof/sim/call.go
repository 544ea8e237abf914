package sim

import (
	"slices"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// A call is one request at the node that a client sent it to. It makes the attempts of a leader.Call, or of a read.
type call struct {
	n        *node
	at       int          // index in the calls of n
	command  *leader.Call // or nil: a read
	read     fsm.Query
	deadline time.Duration
	respond  func(fsm.Reply, error)

	tries int  // the current attempt, or the last one
	waits bool // an attempt is in progress
	to    int  // the node of the attempt
	over  bool
}

const requestTimeout = 5 * time.Second

// do runs a client's command, or a read if there is none.
func (n *node) do(c fsm.Command, read fsm.Query, wait fsm.Millis, respond func(fsm.Reply, error)) *call {
	now := n.local()
	k := &call{n: n, read: read, deadline: now + requestTimeout + time.Duration(wait)*time.Millisecond, respond: respond}
	if c != nil {
		accepted := false
		if k.command, accepted = n.caller.Call(c, now, n.replica.Machine.Revision()); !accepted {
			k.over = true
			n.w.stats.Overloaded++
			respond(fsm.Reply{}, fsm.ErrOverloaded)
			return k
		}
	}
	k.at = len(n.calls)
	n.calls = append(n.calls, k)
	n.after(k.deadline-now, func() {
		if k.waits && k.command != nil {
			k.command.Lost(fsm.ErrUnknown)
		}
		k.ends(fsm.Reply{}, k.giveUp())
	})
	k.try()
	return k
}

// unknown reports whether the outcome of an attempt is unknown. A read has none.
func (k *call) unknown() bool { return k.command != nil && k.command.Unknown() }

// giveUp returns the error of a call that has timed out.
func (k *call) giveUp() error {
	if k.command == nil {
		return fsm.ErrNoLeader
	}
	return k.command.GiveUp(fsm.ErrNoLeader)
}

func (k *call) try() {
	if k.over {
		return
	}
	n := k.n
	k.tries++
	k.waits = true
	try := k.tries
	var command fsm.Command
	if k.command != nil {
		command = k.command.Attempt(n.local())
	}
	answer := func(r fsm.Reply, err error) {
		if k.tries == try && !k.over {
			k.answered(r, err)
		}
	}
	switch {
	case n.serving != nil:
		k.to = n.id
		k.serve(n, command, answer)
	case n.leader >= 0 && n.leader != n.id:
		k.to = n.leader
		to := n.w.nodes[n.leader]
		n.w.once(n, to, func() {
			command, err := carried(command, min(n.reads, to.reads))
			if err != nil {
				n.w.once(to, n, func() { answer(fsm.Reply{}, err) })
				return
			}
			k.serve(to, command, func(r fsm.Reply, err error) {
				n.w.once(to, n, func() { answer(r, err) })
			})
		})
		n.after(n.w.between(time.Second, 2*time.Second)+waiting(command), func() { answer(fsm.Reply{}, fsm.ErrUnknown) })
	default:
		k.to = n.id
		answer(fsm.Reply{}, fsm.ErrNoLeader)
	}
}

// carried returns a command as a node that receives it in a version decodes it.
func carried(c fsm.Command, version uint64) (fsm.Command, error) {
	if c == nil {
		return nil, nil
	}
	b, err := fsm.EncodeCommand(c, version)
	if err != nil {
		return nil, err
	}
	return fsm.DecodeCommand(b, version)
}

// serve runs an attempt at a node, which should be the leader.
func (k *call) serve(at *node, command fsm.Command, respond func(fsm.Reply, error)) {
	switch {
	case at.serving == nil:
		respond(fsm.Reply{}, fsm.ErrNoLeader)
	case command != nil:
		at.serving.term.Submit(command, at.local(), at.w.truth.arrived(at, command, respond))
	default:
		respond = at.w.truth.arrivedRead(k.read, respond)
		at.serving.term.Query(k.read, func(a fsm.Answer, err error) {
			reply := fsm.Reply{}
			switch {
			case err != nil:
			case a.Outcome != access.Done:
				reply.Code, reply.Outcome, reply.Revision = fsm.CodeAccessRefused, a.Outcome, a.Revision
			default:
				reply.Revision, reply.View = a.Revision, a.Views[0]
			}
			respond(reply, err)
		})
	}
}

// waiting returns how long a command may wait for its answer in the queue of a lease.
func waiting(c fsm.Command) time.Duration {
	if c == nil { // a read
		return 0
	}
	return time.Duration(c.Traits().Wait) * time.Millisecond
}

// once delivers a call between nodes at most once. If the link is cut, the call may wait in a send queue and arrive
// after the sender has given up on it, as a late copy.
func (w *world) once(from, to *node, deliver func()) {
	if w.chance(w.net.loss) {
		return
	}
	boot := to.boot
	late := w.chance(0.5)
	var arrive func()
	arrive = func() {
		switch {
		case w.net.reaches(from.id, to.id):
			to.run(boot, deliver)
		case late && !w.closing:
			w.stats.Late++
			w.after(w.between(100*time.Millisecond, 2*time.Second), arrive)
		}
	}
	w.after(w.delay(), arrive)
}

// answered ends the call or schedules the next attempt.
func (k *call) answered(r fsm.Reply, err error) {
	k.waits = false
	v := k.outcome(r, err)
	k.tries++ // a late response to the last attempt is ignored
	switch v.Retry {
	case leader.RetryNow:
		k.n.soon(k.try)
	case leader.RetryLater:
		k.n.after(leader.RetryPause, k.try)
	default:
		k.n.cleanUp(v.CleanUp)
		k.ends(v.Reply, v.Err)
	}
}

func (k *call) outcome(r fsm.Reply, err error) leader.Verdict {
	over := k.n.local() >= k.deadline
	switch {
	case k.command != nil:
		return k.command.Outcome(r, err, over)
	case err != nil && !over:
		return leader.Verdict{Retry: leader.RetryLater}
	}
	return leader.Verdict{Reply: r, Err: leader.Definite(err)}
}

func (k *call) ends(r fsm.Reply, err error) {
	if k.over {
		return
	}
	k.over = true
	if k.command != nil {
		k.command.End()
	}
	if calls := k.n.calls; k.at < len(calls) && calls[k.at] == k { // otherwise the process has restarted
		last := len(calls) - 1
		calls[k.at], calls[last].at = calls[last], k.at
		k.n.calls = calls[:last]
	}
	k.respond(r, err)
}

// cut ends the calls to a node that is no longer the leader. Their outcome is unknown.
func (n *node) cut(former int) {
	for _, k := range slices.Clone(n.calls) {
		if k.waits && k.to == former && former != n.id {
			k.answered(fsm.Reply{}, fsm.ErrUnknown)
		}
	}
}

// gone runs when the client of a call has gone.
func (k *call) gone() {
	if k.over || !k.n.up {
		return
	}
	k.respond = func(fsm.Reply, error) {}
	k.ends(fsm.Reply{}, fsm.ErrUnknown)
	if k.command != nil {
		k.n.cleanUp(k.command.CleanUps())
	}
}

// cleanUp releases what attempts were granted without a response to a client.
func (n *node) cleanUp(cancels []*fsm.CancelAcquire) {
	for _, l := range cancels {
		n.do(l, fsm.Query{}, 0, func(fsm.Reply, error) {})
	}
}

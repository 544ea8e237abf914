package sim

import (
	"errors"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// A call is one request at the node that a client asked: cluster.Node.Do, without
// its goroutine.
type call struct {
	n        *node
	command  fsm.Command // or nil: a read
	read     string
	arrival  time.Duration
	deadline time.Duration
	respond  func(fsm.Reply, error)

	tries   int  // the attempt under way, or the last one
	waits   bool // one is under way
	to      int  // where it went
	unknown bool
	over    bool
	sent    uint64 // see fsm.Acquire
}

const (
	requestTimeout = 5 * time.Second
	retryPause     = 20 * time.Millisecond
)

// do answers a client's command, or a read where there is none.
func (n *node) do(c fsm.Command, read string, wait fsm.Millis, respond func(fsm.Reply, error)) *call {
	now := n.local()
	k := &call{
		n: n, command: c, read: read, arrival: now,
		deadline: now + requestTimeout + time.Duration(wait)*time.Millisecond, respond: respond, sent: n.seen(),
	}
	switch c := c.(type) {
	case *fsm.Acquire:
		c.Attach = n.attach(1)
	case *fsm.AcquireAll:
		c.Attach = n.attach(len(c.Names))
	}
	n.calls = append(n.calls, k)
	n.after(k.deadline-now, func() {
		k.unknown = true // an attempt may be under way
		k.ends(fsm.Reply{}, fsm.ErrUnknown)
	})
	k.try()
	return k
}

// seen returns the newest revision that this process knows of.
func (n *node) seen() uint64 { return max(1, n.replica.Machine.Revision(), n.newest) }

func (n *node) attach(count int) fsm.Attach {
	first := n.attempt + 1
	n.attempt += uint64(count)
	return fsm.Attach{Boot: uint64(n.boot)<<8 | uint64(n.id), N: first}
}

func (k *call) try() {
	if k.over {
		return
	}
	n := k.n
	k.tries++
	k.waits = true
	try := k.tries
	passed := n.local() - k.arrival
	command := k.attempt(passed)
	answer := func(r fsm.Reply, err error) {
		if k.tries == try && !k.over {
			k.answered(r, err, passed)
		}
	}
	serve := func(at *node, respond func(fsm.Reply, error)) {
		switch {
		case at.serving == nil:
			respond(fsm.Reply{}, fsm.ErrNoLeader)
		case command == nil:
			at.serving.term.Query(fsm.Query{Kind: fsm.QueryLease, Name: k.read}, func(a fsm.Answer, err error) {
				reply := fsm.Reply{}
				if err == nil {
					reply.Revision, reply.View = a.Revision, a.Views[0]
				}
				respond(reply, err)
			})
		default:
			at.serving.term.Submit(command, at.local(), respond)
		}
	}
	switch {
	case n.serving != nil:
		k.to = n.id
		serve(n, answer)
	case n.leader >= 0 && n.leader != n.id:
		k.to = n.leader
		to := n.w.nodes[n.leader]
		n.w.once(n, to, func() {
			serve(to, func(r fsm.Reply, err error) {
				n.w.once(to, n, func() { answer(r, err) })
			})
		})
		n.after(n.w.between(time.Second, 2*time.Second)+waiting(command), func() { answer(fsm.Reply{}, fsm.ErrUnknown) })
	default:
		k.to = n.id
		answer(fsm.Reply{}, fsm.ErrNoLeader)
	}
}

// attempt is cluster's: what is sent of a command.
func (k *call) attempt(passed time.Duration) fsm.Command {
	switch c := k.command.(type) {
	case *fsm.Acquire:
		r := *c
		r.Wait, r.Sent = max(0, r.Wait-leader.Millis(passed)), k.sent
		return &r
	case *fsm.AcquireAll:
		r := *c
		r.Sent = k.sent
		return &r
	}
	return k.command
}

func waiting(c fsm.Command) time.Duration {
	if a, ok := c.(*fsm.Acquire); ok {
		return time.Duration(a.Wait) * time.Millisecond
	}
	return 0
}

// once carries a call between nodes: lost, perhaps, but never doubled. If the link
// is cut, the call may wait in a send queue and arrive after the node that sent it
// has given up on it: that is a late copy.
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

func (k *call) answered(r fsm.Reply, err error, passed time.Duration) {
	k.waits = false
	if err == nil {
		k.n.newest = max(k.n.newest, r.Revision)
		if r.Code == fsm.CodeOutdated && (!k.unknown || reclaims(k.command)) {
			k.sent = r.Revision
			k.tries++
			k.n.after(time.Millisecond, k.try)
			return
		}
		r.Waited += leader.Waited(passed) // the leader counted from the last attempt
		if k.openAfter(r) {
			k.ends(fsm.Reply{}, fsm.ErrUnknown)
			return
		}
		k.ends(r, nil)
		return
	}
	k.unknown = k.unknown || errors.Is(err, fsm.ErrUnknown)
	if k.unknown && !idempotent(k.command) || k.n.local() >= k.deadline {
		k.ends(fsm.Reply{}, err)
		return
	}
	k.tries++ // whatever still answers the last attempt comes too late
	k.n.after(retryPause, k.try)
}

func reclaims(c fsm.Command) bool {
	a, ok := c.(*fsm.Acquire)
	return ok && a.Reclaim
}

// openAfter is cluster's: a refusal after an attempt that was lost leaves the
// outcome open.
func (k *call) openAfter(last fsm.Reply) bool {
	if k.command == nil || last.Code.OK() || last.Code == fsm.CodeWithdrawn || last.Queued || !k.unknown && last.Code != fsm.CodeOutdated {
		return false
	}
	switch c := k.command.(type) {
	case *fsm.Acquire:
		k.n.abandon(c.Leave())
	case *fsm.AcquireAll:
		for _, l := range c.Leaves() {
			k.n.abandon(l)
		}
	case *fsm.Renew, *fsm.RenewSession:
		return false
	}
	return true
}

func (k *call) ends(r fsm.Reply, err error) {
	if k.over {
		return
	}
	k.over = true
	for i, o := range k.n.calls {
		if o == k {
			k.n.calls = append(k.n.calls[:i:i], k.n.calls[i+1:]...)
			break
		}
	}
	if err != nil {
		err = fsm.ErrNoLeader
		if k.unknown && k.command != nil {
			err = fsm.ErrUnknown
		}
	}
	k.respond(r, err)
}

// cut ends the calls to a node that no longer leads: their outcome is unknown.
func (n *node) cut(former int) {
	for _, k := range append([]*call(nil), n.calls...) {
		if k.waits && k.to == former && former != n.id {
			k.answered(fsm.Reply{}, fsm.ErrUnknown, 0)
		}
	}
}

// gone is what a node does when the client of a call has gone.
func (k *call) gone() {
	if k.over || !k.n.up {
		return
	}
	k.respond = func(fsm.Reply, error) {}
	k.ends(fsm.Reply{}, fsm.ErrUnknown)
	switch c := k.command.(type) {
	case *fsm.Acquire:
		k.n.abandon(c.Leave())
	case *fsm.AcquireAll:
		for _, l := range c.Leaves() {
			k.n.abandon(l)
		}
	}
}

func (n *node) abandon(l *fsm.Leave) {
	n.do(l, "", 0, func(fsm.Reply, error) {})
}

// idempotent reports whether a command that may have been applied is sent again.
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

package leader

import (
	"errors"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// Submit answers a command as the leader of this term. It does not block. Respond is
// called once, at any time. Errors are those of package fsm.
func (t *Term) Submit(c fsm.Command, arrival time.Duration, respond func(fsm.Reply, error)) {
	if !t.Serves() {
		respond(fsm.Reply{}, fsm.ErrNoLeader)
		return
	}
	guard := t.guard.Load()
	c = fsm.Sealed(c, guard.salt)
	_, change := c.(*fsm.ChangeAccess)
	switch {
	case change:
		t.submitChange(c, arrival, respond)
	case guard.enabled:
		t.submitGuarded(c, arrival, respond)
	default:
		t.submit(c, arrival, respond)
	}
}

// submitChange submits a change of access after those before it.
func (t *Term) submitChange(c fsm.Command, arrival time.Duration, respond func(fsm.Reply, error)) {
	err := t.changes.do(func() {
		t.submitGuarded(c, arrival, func(r fsm.Reply, err error) {
			respond(r, err)
			t.changes.done()
		})
	})
	if err != nil {
		respond(fsm.Reply{}, err)
	}
}

// submit answers a command whose caller may send it.
func (t *Term) submit(c fsm.Command, arrival time.Duration, respond func(fsm.Reply, error)) {
	switch c := c.(type) {
	case *fsm.Acquire:
		if c.Wait > 0 {
			t.waiters.submit(c, arrival, respond)
			return
		}
	case *fsm.Renew:
		if t.renew(c, arrival, respond) {
			return
		}
	case *fsm.RenewSession:
		if t.renewSession(c, arrival, respond) {
			return
		}
	case *fsm.CancelAcquire:
		t.cleanUp(c, arrival, respond)
		return
	}
	t.log(c, arrival, respond)
}

// log puts a command into the log and answers with its outcome.
func (t *Term) log(c fsm.Command, arrival time.Duration, respond func(fsm.Reply, error)) {
	t.packer.propose(proposal{command: c, arrival: arrival, respond: t.answering(respond)})
}

// answering returns what answers a caller with the outcome of its proposal.
func (t *Term) answering(respond func(fsm.Reply, error)) func(fsm.Result, timing, error) {
	return func(r fsm.Result, at timing, err error) {
		if err != nil {
			respond(fsm.Reply{}, err)
			return
		}
		respond(t.reply(r, at), nil)
	}
}

// reply adds to a result what only the leader's clock knows.
func (t *Term) reply(r fsm.Result, at timing) (out fsm.Reply) {
	broken := r.Hold != nil && r.Hold.Break != nil
	if r.Lease == nil && len(r.Blocked) == 0 && !broken {
		return t.state.reply(nil, t.host.Now(), r, at) // it needs nothing that the lock guards
	}
	t.host.View(func(on *Replica) { out = t.state.reply(on.Machine, t.host.Now(), r, at) })
	return out
}

// cleanUp releases what the attempt of a client got that is gone.
func (t *Term) cleanUp(c *fsm.CancelAcquire, arrival time.Duration, respond func(fsm.Reply, error)) {
	t.waiters.mu.Lock()
	gone := t.waiters.table.cleanedUp(c)
	t.waiters.mu.Unlock()
	if gone != nil {
		gone.respond(fsm.Reply{}, fsm.ErrUnknown) // its client does not receive it
	}
	var begun *cleanUp
	t.host.View(func(r *Replica) { begun = t.state.beginCleanUp(r.Machine, c) })
	if begun == nil {
		respond(fsm.Reply{Result: fsm.Result{Code: fsm.CodeOK}}, nil)
		return
	}
	t.log(c, arrival, func(reply fsm.Reply, err error) {
		t.host.View(func(*Replica) {
			t.state.endCleanUp(begun, err == nil || errors.Is(err, fsm.ErrUnknown))
		})
		respond(reply, err)
	})
}

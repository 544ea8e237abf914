package cluster

import (
	"errors"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// submit answers a command as the leader of this term. It does not block;
// respond is called once, from any goroutine. Errors are fsm's.
func (t *term) submit(c fsm.Command, arrival time.Duration, respond func(fsm.Reply, error)) {
	if !t.stands() {
		respond(fsm.Reply{}, fsm.ErrNoLeader)
		return
	}
	switch c := c.(type) {
	case *fsm.Acquire:
		if c.Wait > 0 {
			t.wait(c, arrival, respond)
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
	case *fsm.Leave:
		t.leave(c, arrival, respond)
		return
	}
	t.log(c, arrival, respond)
}

// leave cleans up after a client that is gone.
func (t *term) leave(c *fsm.Leave, arrival time.Duration, respond func(fsm.Reply, error)) {
	t.waitsMu.Lock()
	gone := t.waits.Left(c)
	t.waitsMu.Unlock()
	if gone != nil {
		gone.Respond(fsm.Reply{}, fsm.ErrUnknown) // to nobody
	}
	var leaving *leader.CleanUp
	t.n.replica.view(func(m *fsm.Machine) { leaving = t.state.BeginCleanUp(m, c) })
	if leaving == nil {
		respond(fsm.Reply{Result: fsm.Result{Code: fsm.CodeOK}}, nil)
		return
	}
	t.log(c, arrival, func(reply fsm.Reply, err error) {
		t.n.replica.view(func(*fsm.Machine) {
			t.state.EndCleanUp(leaving, err == nil || errors.Is(err, fsm.ErrUnknown))
		})
		respond(reply, err)
	})
}

// log puts a command into the log and answers with its outcome.
func (t *term) log(c fsm.Command, arrival time.Duration, respond func(fsm.Reply, error)) {
	t.packer.propose(proposal{command: c, arrival: arrival, respond: t.answer(respond)})
}

func (t *term) answer(respond func(fsm.Reply, error)) func(fsm.Result, leader.Timing, error) {
	return func(r fsm.Result, at leader.Timing, err error) {
		if err != nil {
			respond(fsm.Reply{}, err)
			return
		}
		respond(t.reply(r, at), nil)
	}
}

// reply adds to a result what only the leader's clock knows.
func (t *term) reply(r fsm.Result, at leader.Timing) (out fsm.Reply) {
	broken := r.Hold != nil && r.Hold.Break != nil
	if r.Lease == nil && len(r.Blocked) == 0 && !broken {
		return t.state.Answer(nil, t.n.now(), r, at) // without a look at what the lock guards
	}
	t.n.replica.view(func(m *fsm.Machine) { out = t.state.Answer(m, t.n.now(), r, at) })
	return out
}

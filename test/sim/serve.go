package sim

import (
	"errors"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// submit answers a command as the leader of this term, the way that package
// cluster does.
func (t *term) submit(c fsm.Command, arrival time.Duration, respond func(fsm.Reply, error)) {
	if !t.stands() {
		respond(fsm.Reply{}, fsm.ErrNoLeader)
		return
	}
	t.catchUp()
	m, now := t.n.machine, t.n.local()
	switch c := c.(type) {
	case *fsm.Acquire:
		if c.Wait > 0 {
			t.wait(c, arrival, respond)
			return
		}
	case *fsm.Renew:
		if t.state.Unlogged(m, now, c) {
			if h := m.Lease(c.Name).HoldOf(c.Session); h != nil {
				t.n.w.truth.raised(h.Token)
			}
			t.unlogged(c, arrival, respond, func(m *fsm.Machine) (fsm.Reply, bool) {
				return t.state.Confirmed(m, t.n.local(), arrival, c)
			})
			return
		}
	case *fsm.RenewSession:
		if t.state.UnloggedSession(m, now, c) {
			for _, h := range m.HeldBy(c.Session, c.Only) {
				t.n.w.truth.raised(h.Hold.Token)
			}
			t.unlogged(c, arrival, respond, func(m *fsm.Machine) (fsm.Reply, bool) {
				return t.state.ConfirmedSession(m, t.n.local(), arrival, c)
			})
			return
		}
	case *fsm.Leave:
		t.leave(c, arrival, respond)
		return
	}
	t.log(c, arrival, respond)
}

func (t *term) unlogged(
	c fsm.Command, arrival time.Duration, respond func(fsm.Reply, error), confirmed func(*fsm.Machine) (fsm.Reply, bool),
) {
	var reply fsm.Reply
	var logged bool
	t.check(leader.Check{
		Commit: t.n.commit,
		Look: func(m *fsm.Machine) {
			t.catchUp()
			reply, logged = confirmed(m)
		},
		Respond: func(err error) {
			if err == nil && logged {
				t.log(c, arrival, respond)
				return
			}
			respond(reply, err)
		},
	})
}

// read answers a linearizable read of one lease.
func (t *term) read(of string, respond func(fsm.Reply, error)) {
	if !t.stands() {
		respond(fsm.Reply{}, fsm.ErrNoLeader)
		return
	}
	var reply fsm.Reply
	t.check(leader.Check{
		Commit: t.n.commit,
		Look: func(m *fsm.Machine) {
			reply.Revision = m.Revision()
			reply.View = t.state.Show(m, m.Lease(of), t.n.local(), fsm.MaxShown)
		},
		Respond: func(err error) { respond(reply, err) },
	})
}

func (t *term) log(c fsm.Command, arrival time.Duration, respond func(fsm.Reply, error)) {
	t.propose(proposal{command: c, arrival: arrival, respond: t.answer(respond)})
}

func (t *term) answer(respond func(fsm.Reply, error)) func(fsm.Result, leader.Timing, error) {
	return func(r fsm.Result, at leader.Timing, err error) {
		if err != nil {
			respond(fsm.Reply{}, err)
			return
		}
		respond(t.state.Answer(t.n.machine, t.n.local(), r, at), nil)
	}
}

func (t *term) leave(c *fsm.Leave, arrival time.Duration, respond func(fsm.Reply, error)) {
	if gone := t.waits.Left(c); gone != nil {
		gone.Respond(fsm.Reply{}, fsm.ErrUnknown)
	}
	leaving := t.state.BeginCleanUp(t.n.machine, c)
	if leaving == nil {
		respond(fsm.Reply{Result: fsm.Result{Code: fsm.CodeOK}}, nil)
		return
	}
	t.log(c, arrival, func(reply fsm.Reply, err error) {
		t.state.EndCleanUp(leaving, err == nil || errors.Is(err, fsm.ErrUnknown))
		respond(reply, err)
	})
}

// wait answers an acquire that may queue.
func (t *term) wait(c *fsm.Acquire, arrival time.Duration, respond func(fsm.Reply, error)) {
	w := &leader.Wait{
		Name: c.Name, Session: c.Session, Attach: c.Attach, Arrival: arrival,
		End: arrival + time.Duration(c.Wait)*time.Millisecond, Respond: respond,
	}
	if superseded := t.waits.Add(w); superseded != nil {
		t.elsewhere(superseded)
	}
	t.log(c, arrival, func(r fsm.Reply, err error) {
		if err == nil && r.Code == fsm.CodeQueued {
			t.waits.Queued(w)
			t.n.after(w.End-t.n.local()+time.Millisecond, t.park)
			return
		}
		t.settle(w, r, err)
	})
}

// elsewhere answers a wait whose session has asked again from somewhere else.
func (t *term) elsewhere(w *leader.Wait) {
	if !w.Queued() {
		w.Respond(fsm.Reply{}, fsm.ErrUnknown)
		return
	}
	var reply fsm.Reply
	t.check(leader.Check{
		Commit: t.n.commit,
		Look:   func(m *fsm.Machine) { reply = t.state.Elsewhere(m, t.n.local(), w) },
		Respond: func(err error) {
			if err != nil {
				err = fsm.ErrUnknown
			}
			w.Respond(reply, err)
		},
	})
}

// park logs the end of waits that have run out.
func (t *term) park() {
	if t.closed {
		return
	}
	due, next, ok := t.waits.Due(t.n.local())
	if ok {
		t.n.after(next-t.n.local()+time.Millisecond, t.park)
	}
	for _, w := range due {
		t.propose(proposal{
			command: w.Park(), arrival: w.Arrival,
			respond: t.answer(func(r fsm.Reply, err error) {
				if err != nil {
					err = fsm.ErrUnknown // its ticket stands
				}
				t.settle(w, r, err)
			}),
		})
	}
}

func (t *term) settle(w *leader.Wait, r fsm.Reply, err error) {
	if t.waits.Remove(w) {
		w.Respond(r, err)
	}
}

// departed ends the waits of those who have left their queue.
func (t *term) departed(departures []fsm.Departure) {
	for _, d := range departures {
		if t.waits.Departed(d, t.n.local()) {
			t.n.after(time.Millisecond, t.park)
		}
	}
}

// granted answers the waits that an entry's grants fulfil.
func (t *term) granted(stamp fsm.Millis, grants []fsm.Grant) {
	for _, g := range grants {
		if w := t.waits.Granted(g); w != nil {
			w.Respond(t.state.Granted(w, stamp, g), nil)
		}
	}
}

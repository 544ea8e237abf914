package cluster

import (
	"context"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// wait answers an acquire that may queue. It stands in the table before it is
// proposed, so that a grant finds it however soon it comes.
func (t *term) wait(c *fsm.Acquire, arrival time.Duration, respond func(fsm.Reply, error)) {
	w := &leader.Wait{
		Name: c.Name, Session: c.Session, Attach: c.Attach, Arrival: arrival,
		End: arrival + time.Duration(c.Wait)*time.Millisecond, Respond: respond,
	}
	t.waitsMu.Lock()
	if !t.stands() || t.waits.Len() >= leader.MaxWaits {
		t.waitsMu.Unlock()
		if t.stands() {
			respond(fsm.Reply{}, fsm.ErrOverloaded)
		} else {
			respond(fsm.Reply{}, fsm.ErrNoLeader)
		}
		return
	}
	superseded := t.waits.Add(w)
	queued := superseded != nil && superseded.Queued()
	t.waitsMu.Unlock()
	if superseded != nil {
		t.elsewhere(superseded, queued)
	}
	t.log(c, arrival, func(r fsm.Reply, err error) {
		if err == nil && r.Code == fsm.CodeQueued {
			t.queued(w) // a grant or the end of the wait answers
			return
		}
		t.settle(w, r, err)
	})
}

// elsewhere answers a wait whose session has asked again from somewhere else, as
// every refusal once the term is confirmed. Where its own acquire is still on its way,
// nobody knows what becomes of it.
func (t *term) elsewhere(w *leader.Wait, queued bool) {
	if !queued {
		w.Respond(fsm.Reply{}, fsm.ErrUnknown)
		return
	}
	var reply fsm.Reply
	t.confirmer.add(leader.Check{
		Commit: t.n.raft.CommitIndex(),
		Look:   func(m *fsm.Machine) { reply = t.state.Elsewhere(m, t.n.now(), w) },
		Respond: func(err error) {
			if err != nil {
				err = fsm.ErrUnknown // its ticket may stand
			}
			w.Respond(reply, err)
		},
	})
}

// queued lets a wait run out.
func (t *term) queued(w *leader.Wait) {
	t.waitsMu.Lock()
	t.waits.Queued(w)
	t.waitsMu.Unlock()
	t.lookAtWaits()
}

// lookAtWaits lets runWaits see that a wait ends sooner than awaited.
func (t *term) lookAtWaits() {
	select {
	case t.earlier <- struct{}{}:
	default:
	}
}

// settle answers a wait, unless somebody did already.
func (t *term) settle(w *leader.Wait, r fsm.Reply, err error) {
	t.waitsMu.Lock()
	there := t.waits.Remove(w)
	t.waitsMu.Unlock()
	if there {
		w.Respond(r, err)
	}
}

// granted answers the waits that an entry's grants fulfil.
func (t *term) granted(stamp fsm.Millis, grants []fsm.Grant) {
	for _, g := range grants {
		t.waitsMu.Lock()
		w := t.waits.Granted(g)
		t.waitsMu.Unlock()
		if w == nil {
			continue
		}
		w.Respond(t.state.Granted(w, stamp, g), nil)
	}
}

// departed ends the waits of those who have left their queue.
func (t *term) departed(departures []fsm.Departure) {
	for _, d := range departures {
		t.waitsMu.Lock()
		ends := t.waits.Departed(d, t.n.now())
		t.waitsMu.Unlock()
		if ends {
			t.lookAtWaits()
		}
	}
}

// park asks for the end of a wait that has run out. Its ticket stands: where the
// Park surely is not applied, who waits may yet be granted the lease.
func (t *term) park(w *leader.Wait) {
	t.packer.propose(proposal{
		command: w.Park(),
		arrival: w.Arrival,
		respond: t.answer(func(r fsm.Reply, err error) {
			if err != nil {
				err = fsm.ErrUnknown
			}
			t.settle(w, r, err)
		}),
	})
}

// runWaits parks what has run out until the term ends.
func (t *term) runWaits(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.earlier:
		case <-timer.C:
		}
		t.waitsMu.Lock()
		now := t.n.now()
		due, next, ok := t.waits.Due(now)
		t.waitsMu.Unlock()
		for _, w := range due {
			t.park(w)
		}
		if ok {
			timer.Reset(next - now)
		}
	}
}

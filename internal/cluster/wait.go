package cluster

import (
	"context"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// wait answers an acquire that may queue. It stands in the table before it is
// proposed, so that a grant finds it however soon it comes.
func (t *term) wait(c *fsm.Acquire, arrival time.Duration, respond func(fsm.Reply, error)) {
	w := &wait{
		key: waitKey{c.Name, c.Session}, attach: c.Attach, arrival: arrival,
		end: arrival + time.Duration(c.Wait)*time.Millisecond, respond: respond,
	}
	t.waitsMu.Lock()
	if !t.stands() || len(t.waits.byKey) >= maxWaits {
		t.waitsMu.Unlock()
		if t.stands() {
			respond(fsm.Reply{}, fsm.ErrOverloaded)
		} else {
			respond(fsm.Reply{}, fsm.ErrNoLeader)
		}
		return
	}
	superseded := t.waits.add(w)
	t.waitsMu.Unlock()
	select {
	case t.earlier <- struct{}{}:
	default:
	}
	if superseded != nil {
		superseded.respond(t.elsewhere(c), nil)
	}
	t.log(c, arrival, func(r fsm.Reply, err error) {
		if err == nil && r.Code == fsm.CodeQueued {
			return // a grant or the end of the wait answers
		}
		t.settle(w, r, err)
	})
}

// elsewhere answers a wait whose session has asked again from somewhere else.
func (t *term) elsewhere(c *fsm.Acquire) fsm.Reply {
	t.n.replica.mu.Lock()
	defer t.n.replica.mu.Unlock()
	l := t.n.replica.machine.Lease(c.Name)
	r := fsm.Reply{Result: fsm.Result{Code: fsm.CodeSessionInUse, Lease: l, Revision: t.n.replica.machine.Revision()}}
	r.View = t.show(l, t.n.now(), fsm.MaxShown)
	return r
}

// settle answers a wait, unless somebody did already.
func (t *term) settle(w *wait, r fsm.Reply, err error) {
	t.waitsMu.Lock()
	there := t.waits.remove(w)
	t.waitsMu.Unlock()
	if there {
		w.respond(r, err)
	}
}

// granted answers the waits that an entry's grants fulfil.
func (t *term) granted(stamp fsm.Millis, grants []fsm.Grant) {
	for _, g := range grants {
		t.waitsMu.Lock()
		w := t.waits.granted(g)
		t.waitsMu.Unlock()
		if w == nil {
			continue
		}
		r := fsm.Reply{Result: fsm.Result{
			Code: fsm.CodeGranted, Hold: g.Hold, Previous: g.Previous, Revision: g.Revision,
		}}
		r.Waited, r.ExpiresIn = promise(w.arrival, t.clock.local(stamp), g.Hold.TTL)
		w.respond(r, nil)
	}
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
		due, next, ok := t.waits.due(now)
		t.waitsMu.Unlock()
		for _, w := range due {
			t.packer.propose(true, proposal{
				command: &fsm.Park{Name: w.key.name, Session: w.key.session, Attach: w.attach},
				arrival: w.arrival,
				respond: t.answer(func(r fsm.Reply, err error) { t.settle(w, r, err) }),
			})
		}
		if ok {
			timer.Reset(next - now)
		}
	}
}

package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/lockd/lockd/internal/fsm"
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
		if t.unlogged(c) {
			t.renew(c, arrival, respond)
			return
		}
	case *fsm.RenewSession:
		if t.unloggedSession(c) {
			t.renewSession(c, arrival, respond)
			return
		}
	case *fsm.Leave:
		t.leave(c, arrival, respond)
		return
	}
	t.log(c, arrival, respond)
}

// leave cleans up after a client that is gone. A hold ends only where its grant
// is of this term, which alone knows that its holder has not renewed it since;
// it is marked first, so that a renewal passes through the log, behind its end.
func (t *term) leave(c *fsm.Leave, arrival time.Duration, respond func(fsm.Reply, error)) {
	t.waitsMu.Lock()
	gone := t.waits.left(c)
	t.waitsMu.Unlock()
	if gone != nil {
		gone.respond(fsm.Reply{}, fsm.ErrUnknown) // to nobody
	}
	r := t.n.replica
	r.mu.Lock()
	h := r.machine.Lease(c.Name).HoldOf(c.Session)
	owned := h != nil && h.Attach == c.Attach
	marked := new([]fsm.Timer)
	switch {
	case !owned:
		t.leaving[c.Attach] = marked
	case h.Granted > t.clock.stamp && t.book.Withdraw(h.Token):
		*marked = append(*marked, fsm.Timer{Kind: fsm.TimerHold, ID: h.Token, Seq: h.Seq})
	}
	kept := owned && len(*marked) == 0
	r.mu.Unlock()
	if kept {
		respond(fsm.Reply{Result: fsm.Result{Code: fsm.CodeOK}}, nil)
		return
	}
	t.log(c, arrival, func(reply fsm.Reply, err error) {
		r.mu.Lock()
		delete(t.leaving, c.Attach)
		if err != nil && !errors.Is(err, fsm.ErrUnknown) {
			for _, m := range *marked {
				t.book.Undecided(m)
			}
		}
		r.mu.Unlock()
		respond(reply, err)
	})
}

// log puts a command into the log and answers with its outcome.
func (t *term) log(c fsm.Command, arrival time.Duration, respond func(fsm.Reply, error)) {
	t.packer.propose(false, proposal{command: c, arrival: arrival, respond: t.answer(respond)})
}

func (t *term) answer(respond func(fsm.Reply, error)) func(fsm.Result, timing, error) {
	return func(r fsm.Result, at timing, err error) {
		if err != nil {
			respond(fsm.Reply{}, err)
			return
		}
		respond(t.reply(r, at), nil)
	}
}

// reply adds to a result what only the leader's clock knows.
func (t *term) reply(r fsm.Result, at timing) fsm.Reply {
	out := fsm.Reply{Result: r, Now: t.clock.cluster(t.n.now())}
	if r.Hold != nil {
		out.Waited, out.ExpiresIn = promise(at.arrival, at.from(r.Hold.TTL), r.Hold.TTL)
	}
	for _, h := range r.Holds {
		var expires fsm.Millis
		out.Waited, expires = promise(at.arrival, at.from(h.Hold.TTL), h.Hold.TTL)
		out.Expiries = append(out.Expiries, expires)
	}
	broken := r.Hold != nil && r.Hold.Break != nil
	if r.Lease == nil && len(r.Blocked) == 0 && !broken {
		return out
	}
	t.n.replica.mu.Lock()
	defer t.n.replica.mu.Unlock()
	now := t.n.now()
	if broken {
		left, _, _ := t.book.Left(now, fsm.TimerHold, r.Hold.Token)
		out.AvailableIn = roundUp(left)
	}
	for _, l := range r.Blocked {
		out.Blocking = append(out.Blocking, t.show(l, now, 1))
	}
	if r.Lease != nil {
		out.View = t.show(r.Lease, now, fsm.MaxShown)
		if r.Queued && r.Position <= len(r.Lease.Queue) {
			left, _, _ := t.book.Left(now, fsm.TimerTicket, r.Lease.Queue[r.Position-1].ID)
			out.TicketIn = millis(left)
		}
	}
	return out
}

// show adds the leader's clocks to a view. The caller holds the replica's lock.
func (t *term) show(l *fsm.Lease, now time.Duration, most int) *fsm.View {
	v := t.n.replica.machine.Show(l, most)
	v.Now = max(v.Now, t.clock.cluster(now))
	v.Fresh = true
	available := time.Duration(-1)
	soonest := func(kind fsm.TimerKind, id uint64) {
		if left, _, ok := t.book.Left(now, kind, id); ok && (available < 0 || left < available) {
			available = left
		}
	}
	for _, h := range v.Lease.Holds {
		left, renewed, _ := t.book.Left(now, fsm.TimerHold, h.Token)
		v.Clocks = append(v.Clocks, fsm.Clock{FreeIn: roundUp(left), RenewedAgo: millis(renewed)})
		if h.Break != nil {
			soonest(fsm.TimerHold, h.Token)
		}
	}
	for _, c := range l.Cooling {
		soonest(fsm.TimerDelay, c.Token)
	}
	soonest(fsm.TimerQuarantine, 0)
	v.AvailableIn = roundUp(max(0, available))
	return v
}

func roundUp(d time.Duration) fsm.Millis { return millis(d + time.Millisecond - 1) }

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

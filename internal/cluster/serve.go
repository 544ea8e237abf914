package cluster

import (
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
	for i, h := range r.Holds {
		waited, expires := promise(at.arrival, at.from(h.Hold.TTL), h.Hold.TTL)
		if i == 0 || waited < out.Waited {
			out.Waited = waited // one for all: the least promises nobody too much
		}
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

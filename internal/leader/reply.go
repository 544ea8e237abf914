package leader

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// Answer adds to the result of a logged command what only the leader's clock knows.
func (s *State) Answer(m *fsm.Machine, now time.Duration, res fsm.Result, at Timing) fsm.Reply {
	out := fsm.Reply{Result: res, Now: s.Clock.Cluster(now)}
	if res.Hold != nil {
		out.Waited, out.ExpiresIn = promise(at.Arrival, at.from(res.Hold.TTL), res.Hold.TTL)
	}
	for i, h := range res.Holds {
		waited, expires := promise(at.Arrival, at.from(h.Hold.TTL), h.Hold.TTL)
		if i == 0 || waited < out.Waited {
			out.Waited = waited // one for all: the least promises nobody too much
		}
		out.Expiries = append(out.Expiries, expires)
	}
	if res.Hold != nil && res.Hold.Break != nil {
		left, _, _ := s.Deadlines.Left(now, fsm.TimerHold, res.Hold.Token)
		out.AvailableIn = RoundUp(left)
	}
	for _, l := range res.Blocked {
		v := s.Show(m, l, now, 1)
		v.Revision = res.Revision
		out.Blocking = append(out.Blocking, v)
	}
	if res.Lease != nil {
		out.View = s.Show(m, res.Lease, now, fsm.MaxShown)
		out.View.Revision = res.Revision // it is the lease as it was then, and more may be applied since
		if res.Queued && res.Position <= len(res.Lease.Queue) {
			left, _, _ := s.Deadlines.Left(now, fsm.TimerTicket, res.Lease.Queue[res.Position-1].ID)
			out.TicketIn = Millis(left)
		}
	}
	return out
}

// Granted answers a wait that a grant fulfils, in an entry of a stamp.
func (s *State) Granted(w *Wait, stamp fsm.Millis, g fsm.Grant) fsm.Reply {
	reply := fsm.Reply{Result: fsm.Result{
		Code: fsm.CodeGranted, Hold: g.Hold, Previous: g.Previous, Revision: g.Revision,
	}}
	reply.Waited, reply.ExpiresIn = promise(w.Arrival, s.Clock.Local(stamp), g.Hold.TTL)
	return reply
}

// Elsewhere answers a wait whose session has asked again from somewhere else, after
// its own acquire was applied: the session's place in the queue is told, since it may
// be granted the lease yet.
func (s *State) Elsewhere(m *fsm.Machine, now time.Duration, w *Wait) fsm.Reply {
	l := m.Lease(w.Name)
	res := fsm.Result{Code: fsm.CodeSessionInUse, Lease: l, Revision: m.Revision()}
	if place := l.Place(w.Session); place >= 0 {
		res.Queued, res.Position = true, place+1
	}
	return s.Answer(m, now, res, Timing{})
}

// Show adds the leader's clocks to a lease as a read shows it.
func (s *State) Show(m *fsm.Machine, l *fsm.Lease, now time.Duration, most int) *fsm.View {
	v := m.Show(l, most)
	v.Now = max(v.Now, s.Clock.Cluster(now))
	v.Fresh = true
	available := time.Duration(-1)
	soonest := func(kind fsm.TimerKind, id uint64) {
		if left, _, ok := s.Deadlines.Left(now, kind, id); ok && (available < 0 || left < available) {
			available = left
		}
	}
	for _, h := range v.Lease.Holds {
		left, renewed, _ := s.Deadlines.Left(now, fsm.TimerHold, h.Token)
		v.Clocks = append(v.Clocks, fsm.Clock{FreeIn: RoundUp(left), RenewedAgo: Millis(renewed)})
		if h.Break != nil {
			soonest(fsm.TimerHold, h.Token)
		}
	}
	for _, c := range l.Cooling {
		soonest(fsm.TimerDelay, c.Token)
	}
	soonest(fsm.TimerQuarantine, 0)
	v.AvailableIn = RoundUp(max(0, available))
	return v
}

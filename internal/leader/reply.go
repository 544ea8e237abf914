package leader

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// reply adds to the result of a logged command what only the leader's clock knows.
func (s *termState) reply(m *fsm.Machine, now time.Duration, res fsm.Result, at timing) fsm.Reply {
	out := fsm.Reply{Result: res, Now: s.clock.cluster(now)}
	if res.Hold != nil {
		out.Waited, out.ExpiresIn = promise(at.arrival, at.from(res.Hold.TTL), res.Hold.TTL)
	}
	for i, h := range res.Holds {
		waited, expires := promise(at.arrival, at.from(h.Hold.TTL), h.Hold.TTL)
		if i == 0 || waited < out.Waited {
			out.Waited = waited // one for all holds: the least promises too much of none
		}
		out.Expiries = append(out.Expiries, expires)
	}
	if res.Hold != nil && res.Hold.Break != nil {
		left, _, _ := s.deadlines.Remaining(now, fsm.TimerHold, res.Hold.Token)
		out.AvailableIn = RoundUp(left)
	}
	for _, l := range res.Blocked {
		v := s.view(m, l, now, 1)
		v.Revision = res.Revision
		out.Blocking = append(out.Blocking, v)
	}
	if res.Lease != nil {
		out.View = s.view(m, res.Lease, now, fsm.MaxShown)
		out.View.Revision = res.Revision // the lease as it was then: more may be applied since
		if res.Queued && res.Position <= len(res.Lease.Queue) {
			left, _, _ := s.deadlines.Remaining(now, fsm.TimerTicket, res.Lease.Queue[res.Position-1].ID)
			out.TicketIn = Millis(left)
		}
	}
	return out
}

// replyToGranted answers a wait that a grant fulfils, in an entry of a stamp.
func (s *termState) replyToGranted(w *wait, stamp fsm.Millis, g fsm.Grant) fsm.Reply {
	reply := fsm.Reply{Result: fsm.Result{
		Code: fsm.CodeGranted, Hold: g.Hold, Previous: g.Previous, Revision: g.Revision,
	}}
	reply.Waited, reply.ExpiresIn = promise(w.arrival, s.clock.local(stamp), g.Hold.TTL)
	return reply
}

// replyToSuperseded answers a wait whose session has sent another acquire for the name
// after its own was applied. It states the session's place in the queue, since the session
// may be granted the lease.
func (s *termState) replyToSuperseded(m *fsm.Machine, now time.Duration, w *wait) fsm.Reply {
	l := m.Lease(w.name)
	res := fsm.Result{Code: fsm.CodeSessionInUse, Lease: l, Revision: m.Revision()}
	if place := l.Place(sessionIn(m, w.session)); place >= 0 {
		res.Queued, res.Position = true, place+1
	}
	return s.reply(m, now, res, timing{})
}

// view adds the leader's clocks to a lease as a read shows it.
func (s *termState) view(m *fsm.Machine, l *fsm.Lease, now time.Duration, most int) *fsm.View {
	v := m.Show(l, most)
	v.Now = max(v.Now, s.clock.cluster(now))
	v.Fresh = true
	available := time.Duration(-1)
	soonest := func(kind fsm.TimerKind, id uint64) {
		if left, _, ok := s.deadlines.Remaining(now, kind, id); ok && (available < 0 || left < available) {
			available = left
		}
	}
	for _, h := range v.Lease.Holds {
		left, _, _ := s.deadlines.Remaining(now, fsm.TimerHold, h.Token) // none of a hold without a TTL
		v.Clocks = append(v.Clocks, fsm.Clock{FreeIn: RoundUp(left), RenewedAgo: s.renewedAgo(h, now, v.Now)})
		if h.Break != nil {
			soonest(fsm.TimerHold, h.Token)
		}
	}
	for _, c := range l.Cooldowns {
		soonest(fsm.TimerDelay, c.Token)
	}
	soonest(fsm.TimerQuarantine, 0)
	v.AvailableIn = RoundUp(max(0, available))
	return v
}

// renewedAgo returns how long ago a hold was renewed, or -1 if only a former leader knows it: short renewals are not in
// the log.
func (s *termState) renewedAgo(h *fsm.Hold, now time.Duration, cluster fsm.Millis) fsm.Millis {
	_, ago, ok := s.deadlines.Remaining(now, fsm.TimerHold, h.Token)
	switch {
	case !ok || h.TTL > fsm.ShortTTL:
		return max(cluster-h.Renewed, 0)
	case now-ago <= s.began:
		return -1
	}
	return Millis(ago)
}

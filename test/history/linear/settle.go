package linear

import (
	"slices"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// settle adds the steps that only events show, because no client got a response.
func (s *stepper) settle() {
	for i := range s.lease.events {
		e := &s.lease.events[i]
		var op *Op
		switch of := s.lease.sessions[e.Holder]; {
		case e.Type == broken:
			op = unsettled(s.lease.ops, e, Break)
		case of == nil:
		case e.Type == acquired && !of.receivedGrant(e.Token):
			if op = unsettled(of.acquires, e, Acquire); op == nil {
				op = givenBefore(of.acquires, s.lease.byToken[e.Token])
			}
		case e.Type == released && of.known[e.Token] != nil:
			op = unsettled(of.releases, e, Release)
		}
		if op == nil {
			continue
		}
		in := s.take(op, e.Token, e.Seen)
		if h := s.lease.byToken[e.Token]; h != nil {
			in.latest = h.endedSeen
			if h.how == expired {
				s.outlasts(in)
			}
		}
	}
	s.settleForced()
}

// take adds a step that took effect by a moment, without a response.
func (s *stepper) take(op *Op, token uint64, by time.Duration) *step {
	in := &step{
		op: op, call: op.Sent, back: by, token: token, latest: noDeadline, grace: atLeast(millis(op.Grace), s.rho), taken: true,
	}
	s.steps = append(s.steps, in)
	return in
}

// settleForced adds a forced break of each hold in its grace period. A forced break ends the hold at once and has no
// event of its own.
func (s *stepper) settleForced() {
	for _, h := range s.lease.holds {
		forced := func(op *Op) bool {
			return op.Kind == Break && op.Token == h.token && op.Grace == 0 && op.Sent <= h.endedSeen
		}
		confirmed := func(op *Op) bool { return forced(op) && op.Result == Done }
		if h.how != broken || slices.ContainsFunc(s.lease.ops, confirmed) {
			continue
		}
		unconfirmed := func(op *Op) bool { return forced(op) && (op.open() || op.Result == Refused) && !s.took(op) }
		if i := slices.IndexFunc(s.lease.ops, unconfirmed); i >= 0 {
			s.take(s.lease.ops[i], h.token, h.endedSeen)
		}
	}
}

func (s *stepper) took(op *Op) bool {
	return slices.ContainsFunc(s.steps, func(in *step) bool { return in.op == op && in.taken })
}

// outlasts records how long a hold lasted that had no response and that no request ended. A hold with a long TTL
// counts from the timestamp of the entry that granted it. The entry was created some time before it took effect, but
// not before the acquire was sent.
func (s *stepper) outlasts(in *step) {
	ttl := atLeast(millis(in.op.TTL), s.rho)
	if in.op.TTL > fsm.ShortTTL {
		in.promise = in.call + ttl
	} else {
		in.lasts = ttl
	}
}

// receivedGrant reports whether a response showed the session that this acquire created the hold. A hold that already
// exists may come from a ticket that was in the queue before.
func (s *session) receivedGrant(token uint64) bool {
	return slices.ContainsFunc(s.acquires, func(op *Op) bool {
		return op.Result == Done && op.Got == token && op.Created
	})
}

// givenBefore returns the acquire that may have been granted a hold before the acquire whose response shows it, or
// nil if there is none.
func givenBefore(acquires []*Op, h *hold) *Op {
	i := slices.IndexFunc(acquires, h.brokenBefore)
	if i < 0 {
		return nil
	}
	return acquires[i]
}

// unsettled returns the first operation that may have caused an event and whose response does not show it, or nil if
// another operation caused it. A break that a node sent twice is refused if the first one took effect and the lease
// has changed since.
func unsettled(ops []*Op, e *Event, kind Kind) *Op {
	about := func(op *Op) bool {
		return op.Kind == kind && op.Sent <= e.Seen && (kind == Acquire || op.Token == 0 || op.Token == e.Token)
	}
	if kind != Acquire && slices.ContainsFunc(ops, func(op *Op) bool { return about(op) && op.Result == Done }) {
		return nil
	}
	i := slices.IndexFunc(ops, func(op *Op) bool { return about(op) && (op.open() || kind == Break && op.Result == Refused) })
	if i < 0 {
		return nil
	}
	return ops[i]
}

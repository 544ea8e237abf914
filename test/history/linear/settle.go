package linear

import (
	"slices"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// settle adds what nobody was told of and events show.
func (s *stepper) settle() {
	for i := range s.lease.events {
		e := &s.lease.events[i]
		var op *Op
		switch of := s.lease.sessions[e.Holder]; {
		case e.Type == broken:
			op = unsettled(s.lease.ops, e, Break)
		case of == nil:
		case e.Type == acquired && !of.toldOfGrant(e.Token):
			if op = unsettled(of.acquires, e, Acquire); op == nil {
				op = givenBefore(of.acquires, s.lease.byToken[e.Token])
			}
		case e.Type == released && of.told[e.Token] != nil:
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

// take adds a step that nobody was told of, and that took effect by a moment.
func (s *stepper) take(op *Op, token uint64, by time.Duration) *step {
	in := &step{
		op: op, call: op.Sent, back: by, token: token, latest: forEver, grace: atLeast(millis(op.Grace), s.rho), taken: true,
	}
	s.steps = append(s.steps, in)
	return in
}

// settleForced adds a break by force of each hold that was being broken already: it
// ends the hold at once, and no event of its own tells of it.
func (s *stepper) settleForced() {
	for _, h := range s.lease.holds {
		forced := func(op *Op) bool {
			return op.Kind == Break && op.Token == h.token && op.Grace == 0 && op.Sent <= h.endedSeen
		}
		told := func(op *Op) bool { return forced(op) && op.Result == Done }
		if h.how != broken || slices.ContainsFunc(s.lease.ops, told) {
			continue
		}
		untold := func(op *Op) bool { return forced(op) && (op.open() || op.Result == Refused) && !s.took(op) }
		if i := slices.IndexFunc(s.lease.ops, untold); i >= 0 {
			s.take(s.lease.ops[i], h.token, h.endedSeen)
		}
	}
}

func (s *stepper) took(op *Op) bool {
	return slices.ContainsFunc(s.steps, func(in *step) bool { return in.op == op && in.taken })
}

// outlasts notes how long a hold lasted that nobody was told of and nobody ended. A
// long one goes by the stamp of the entry that granted it, which was packed some
// time before that took effect, but not before the acquire was sent.
func (s *stepper) outlasts(in *step) {
	ttl := atLeast(millis(in.op.TTL), s.rho)
	if in.op.TTL > fsm.ShortTTL {
		in.promise = in.call + ttl
	} else {
		in.lasts = ttl
	}
}

// toldOfGrant reports whether the session was told that this acquire made the
// hold. One that finds it made may be of a ticket that stood in the queue before.
func (s *session) toldOfGrant(token uint64) bool {
	return slices.ContainsFunc(s.acquires, func(op *Op) bool {
		return op.Result == Done && op.Got == token && op.Created
	})
}

// givenBefore returns the acquire that may have been given a hold before the one
// that it was told of; nil where there is none.
func givenBefore(acquires []*Op, h *hold) *Op {
	i := slices.IndexFunc(acquires, h.brokenBefore)
	if i < 0 {
		return nil
	}
	return acquires[i]
}

// unsettled returns the first of some operations that may have made an event and
// was not told so; nil where another one was. A break that a node sent twice is
// refused where its first took effect and the lease has gone on since.
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

package linear

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/lockd/lockd/internal/fsm"
)

// maxModelled is the highest limit that the model supports. The number of possible states grows with the power of two
// of the holds. The other three checkers check names with more holders.
const maxModelled = 2

// A possibility is one state that a lease may have: its holds, and the range of times in which each may have expired.
// It is immutable.
type possibility struct {
	holds []stand
	max   uint64        // the highest token known to be granted
	now   time.Duration // the time is at least this
}

// stand is a hold in a possibility.
type stand struct {
	holder   string
	token    uint64
	breaking bool
	earliest time.Duration // it cannot have expired before
	latest   time.Duration // it has expired after
}

// A step is one operation as the model sees it. It contains its times, because porcupine gives a model no clock.
type step struct {
	op         *Op
	call, back time.Duration
	token      uint64        // acquire: the granted token, even if only an event shows it
	after      uint64        // acquire: the token granted before this one, if known
	promise    time.Duration // acquire, renew
	latest     time.Duration // acquire, renew: when the hold has expired unless it is renewed
	lasts      time.Duration // acquire without a response: how long the hold lasted at least
	grace      time.Duration // break: how long the hold continues at least
	taken      bool          // an acquire, release or break that took effect without a response
}

// lockModel is the porcupine model of a lease with a limit.
func lockModel(limit int) porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{possibility{}} },
		Step: func(state, input, _ any) []any {
			var next []any
			in := input.(*step)
			for _, p := range state.(possibility).survivors(in) {
				next = append(next, p.take(in, limit)...)
			}
			return next
		},
		Equal: func(a, b any) bool { return a.(possibility).equal(b.(possibility)) },
		Hash:  func(s any) uint64 { return s.(possibility).hash() },
		DescribeOperation: func(input, _ any) string {
			return input.(*step).String()
		},
		DescribeState: func(s any) string { return fmt.Sprintf("%+v", s.(possibility).holds) },
	}
	return m.ToModel()
}

func (p possibility) equal(q possibility) bool {
	return p.max == q.max && slices.Equal(p.holds, q.holds)
}

func (p possibility) hash() uint64 {
	h := p.max*31 + uint64(p.now)
	for _, s := range p.holds {
		h = (h*31+s.token)*31 + uint64(s.earliest)
	}
	return h
}

// survivors returns the possible states after expiries, when a step takes effect.
func (p possibility) survivors(in *step) []possibility {
	all := []possibility{{max: p.max, now: max(p.now, in.call)}}
	for _, h := range p.holds {
		var next []possibility
		for _, q := range all {
			if q.now <= h.latest {
				next = append(next, possibility{append(slices.Clip(q.holds), h), q.max, q.now})
			}
			if later := max(q.now, h.earliest); later <= in.back {
				next = append(next, possibility{q.holds, q.max, later})
			}
		}
		all = next
	}
	return slices.DeleteFunc(all, func(q possibility) bool {
		return q.now > in.back || slices.ContainsFunc(q.holds, func(h stand) bool { return q.now > h.latest })
	})
}

// find returns the index of the hold with a token or, if token is 0, of a holder.
func (p possibility) find(holder string, token uint64) int {
	return slices.IndexFunc(p.holds, func(h stand) bool {
		return h.token == token || token == 0 && h.holder == holder
	})
}

func (p possibility) without(i int) possibility {
	p.holds = slices.Delete(slices.Clone(p.holds), i, i+1)
	return p
}

func (p possibility) with(i int, h stand) possibility {
	p.holds = slices.Clone(p.holds)
	p.holds[i] = h
	p.max = max(p.max, h.token)
	return p
}

// take returns the possible states after a step; none if its response contradicts this state.
func (p possibility) take(in *step, limit int) []any {
	switch {
	case in.taken:
		return p.unanswered(in, limit)
	case in.op.Kind == Read:
		return p.shows(in.op)
	case in.op.Result == Refused:
		return p.refuses(in.op, limit)
	case in.op.Kind == Acquire:
		return p.grants(in, limit)
	case in.op.Kind == Renew:
		return p.renews(in)
	case in.op.Kind == Release:
		return p.releases(in.op)
	}
	return p.breaks(in)
}

// unanswered returns the possible states after a step that took effect without a response.
func (p possibility) unanswered(in *step, limit int) []any {
	switch in.op.Kind {
	case Acquire:
		return p.grants(in, limit)
	case Release:
		if i := p.find(in.op.Holder, in.op.Token); i >= 0 {
			return []any{p.without(i)}
		}
	case Break:
		if p.find("", in.op.Token) >= 0 {
			return p.breaks(in)
		}
	}
	return nil
}

func (p possibility) grants(in *step, limit int) []any {
	fresh := stand{holder: in.op.Holder, token: in.token, earliest: max(in.promise, p.now+in.lasts), latest: in.latest}
	i := p.find(in.op.Holder, in.token)
	switch {
	case i >= 0 && p.holds[i].holder != in.op.Holder || i >= 0 && p.holds[i].breaking:
		return nil
	case i >= 0: // it already held the lease
		return []any{p.with(i, p.holds[i].renewed(in))}
	case len(p.holds) >= limit || in.token <= p.max || p.max < in.after:
		return nil
	}
	p.holds = append(slices.Clip(p.holds), fresh)
	p.max = max(p.max, in.token)
	return []any{p}
}

func (h stand) renewed(in *step) stand {
	h.earliest, h.latest = max(h.earliest, in.promise), max(h.latest, in.latest)
	return h
}

func (p possibility) renews(in *step) []any {
	i := p.find(in.op.Holder, in.token)
	if i < 0 || p.holds[i].breaking || p.holds[i].holder != in.op.Holder {
		return nil
	}
	return []any{p.with(i, p.holds[i].renewed(in))}
}

func (p possibility) releases(op *Op) []any {
	i := p.find(op.Holder, op.Token)
	switch {
	case i >= 0:
		return []any{p.without(i)}
	case op.WasHeld:
		return nil
	}
	return []any{p}
}

// breaks ends a hold, or starts a grace period in which it is not renewed.
func (p possibility) breaks(in *step) []any {
	i := p.find("", in.op.Token)
	if i < 0 {
		return []any{p} // a repeated break
	}
	if in.op.Grace == 0 {
		return []any{p.without(i)}
	}
	h := p.holds[i]
	if in.op.Grace != fsm.InheritGrace {
		h.earliest = min(h.earliest, in.call+in.grace)
		h.latest = max(h.latest, in.latest)
	}
	h.breaking = true
	return []any{p.with(i, h)}
}

func (p possibility) refuses(op *Op, limit int) []any {
	i := p.find(op.Holder, op.Token)
	switch {
	case op.Kind == Break, op.Kind == Release:
		if i >= 0 {
			return nil
		}
	case op.Code == "held":
		if len(p.holds) < limit || i >= 0 {
			return nil
		}
		return p.shows(op)
	case op.Code == "broken":
		if i >= 0 && !p.holds[i].breaking {
			return nil
		}
	case op.Kind == Renew:
		if i >= 0 {
			return nil
		}
	}
	return []any{p}
}

// shows compares the holds with the holders in a response.
func (p possibility) shows(op *Op) []any {
	for _, shown := range op.Holders {
		i := p.find("", shown.Token)
		if i < 0 || p.holds[i].holder != shown.Holder {
			return nil
		}
	}
	if len(op.Holders) != len(p.holds) {
		return nil
	}
	return []any{p}
}

// String describes the step for porcupine's picture.
func (in *step) String() string {
	op := in.op
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", op.Kind, op.who())
	if op.Token != 0 {
		fmt.Fprintf(&b, " by %d", op.Token)
	}
	switch {
	case in.taken:
		fmt.Fprintf(&b, ": %d, no response", in.token)
	case op.Result == Refused:
		fmt.Fprintf(&b, ": %s %v", op.Code, op.Holders)
	case op.Kind == Read:
		fmt.Fprintf(&b, ": %s %v", op.State, op.Holders)
	default:
		fmt.Fprintf(&b, ": %d until %s", op.Got, in.promise)
	}
	return b.String()
}

// noDeadline is a deadline that never passes.
const noDeadline = time.Duration(math.MaxInt64)

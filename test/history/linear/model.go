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

// maxModelled is the highest limit of names that the model looks at. What it may
// forget of a hold grows with the power of two of them; names with more holders
// are judged by the other three alone.
const maxModelled = 2

// A possibility is one state in which a lease may be: who holds it, and within
// which times each hold can have ended of itself. It is never changed.
type possibility struct {
	holds []stand
	max   uint64        // the highest token that is known to be given
	now   time.Duration // it is at least so late
}

// stand is a hold in a possibility.
type stand struct {
	holder   string
	token    uint64
	breaking bool
	earliest time.Duration // before that it cannot have ended by its time
	latest   time.Duration // after that it cannot stand
}

// A step is one operation as the model sees it. Its times are in it, since
// porcupine gives a model no clock.
type step struct {
	op         *Op
	call, back time.Duration
	token      uint64        // acquire: that was given, also where only an event tells of it
	after      uint64        // acquire: the token that was given before this one, as far as is known
	promise    time.Duration // acquire, renew
	latest     time.Duration // likewise: when the hold must have ended unless it is renewed
	lasts      time.Duration // acquire that nobody was told of: so long it lasted at least
	grace      time.Duration // break: for so long at least the hold stands on
	taken      bool          // an acquire, release or break that took effect, though nobody was told
}

// lockModel is a lease with room for so many, for porcupine.
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

// survivors returns what may be left of the holds when a step takes effect.
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

// find returns the hold that has a token or, where that is 0, that a holder has.
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

// take returns what the step may make of a possibility; nothing where the answer
// cannot be true of it.
func (p possibility) take(in *step, limit int) []any {
	switch {
	case in.taken:
		return p.untold(in, limit)
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

// untold is a step that nobody was told the outcome of, and that took effect.
func (p possibility) untold(in *step, limit int) []any {
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
	case i >= 0: // it held the lease already
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

// breaks ends a hold, or lets it stand for a grace in which it is not renewed.
func (p possibility) breaks(in *step) []any {
	i := p.find("", in.op.Token)
	if i < 0 {
		return []any{p} // a repeat
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

// shows compares holders with those that were shown.
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

// String tells the step for porcupine's picture.
func (in *step) String() string {
	op := in.op
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", op.Kind, op.who())
	if op.Token != 0 {
		fmt.Fprintf(&b, " by %d", op.Token)
	}
	switch {
	case in.taken:
		fmt.Fprintf(&b, ": %d, untold", in.token)
	case op.Result == Refused:
		fmt.Fprintf(&b, ": %s %v", op.Code, op.Holders)
	case op.Kind == Read:
		fmt.Fprintf(&b, ": %s %v", op.State, op.Holders)
	default:
		fmt.Fprintf(&b, ": %d until %s", op.Got, in.promise)
	}
	return b.String()
}

// forEver is a deadline that never comes.
const forEver = time.Duration(math.MaxInt64)

package linear

import (
	"cmp"
	"slices"
	"strings"
)

// checkRevisions checks the order that the revisions in responses and events define. In this order every response
// must be true, and it must be an order of real time.
func (r *Report) checkRevisions(o Options) {
	known := r.checkRealTime()
	if !r.facts.covered {
		r.Undecided = append(r.Undecided, "the streams do not cover the run: responses cannot be compared with events")
		return
	}
	outside := 0
	for _, n := range r.facts.inOrder() {
		for _, op := range n.ops {
			if op.Result != Done && op.Result != Refused {
				continue
			}
			if op.Revision < r.facts.from || op.Revision > r.facts.to {
				outside++
				continue
			}
			wrong := n.falseAt(op)
			if wrong != "" && !o.ExactRefusals && n.wasTrue(op, known[op]) {
				r.OldRefusals++
				continue
			}
			if wrong != "" {
				r.fail(ByRevision, n.name, "%s by %s, response at revision %d: %s", op.Kind, op.who(), op.Revision, wrong)
			}
		}
		r.checkReasons(n)
		r.checkDoubles(n)
		r.replay(n)
	}
	if outside > 0 {
		r.Undecided = append(r.Undecided, "some responses have revisions that no stream covers")
	}
}

func (op *Op) who() string { return cmp.Or(op.Holder, op.Client) }

// checkRealTime checks that a request that was sent after a response arrived has no older revision. It returns the
// latest revision that was known when each request was sent.
func (r *Report) checkRealTime() (known map[*Op]uint64) {
	known = make(map[*Op]uint64)
	var responses []*Op
	for i := range r.history.Ops {
		if op := &r.history.Ops[i]; op.Result == Done || op.Result == Refused {
			responses = append(responses, op)
		}
	}
	byBack := slices.SortedFunc(slices.Values(responses), func(a, b *Op) int { return cmp.Compare(a.Back, b.Back) })
	slices.SortFunc(responses, func(a, b *Op) int { return cmp.Compare(a.Sent, b.Sent) })
	var newest *Op
	i := 0
	for _, op := range responses {
		for ; i < len(byBack) && byBack[i].Back < op.Sent; i++ {
			if newest == nil || byBack[i].Revision > newest.Revision {
				newest = byBack[i]
			}
		}
		if newest == nil {
			continue
		}
		known[op] = newest.Revision
		if op.Revision < newest.Revision {
			r.fail(ByRevision, op.Name, "%s by %s was sent after the response to %s of %s at revision %d, and its response has revision %d",
				op.Kind, op.who(), newest.Kind, newest.Name, newest.Revision, op.Revision)
		}
	}
	return known
}

// wasTrue reports whether the lease in a refusal was correct at some revision from since on.
func (n *lease) wasTrue(op *Op, since uint64) bool {
	if op.Code != "held" {
		return false
	}
	was := func(held []*hold) bool { return n.refusalFalse(held, nil, op) == "" }
	return was(n.heldAt(since)) || slices.ContainsFunc(n.moments, func(m moment) bool {
		return m.revision > since && m.revision <= op.Revision && was(m.holds)
	})
}

// falseAt describes what is false in a response at its revision, or returns "".
func (n *lease) falseAt(op *Op) string {
	held := n.heldAt(op.Revision)
	own := ownHold(held, op)
	switch op.Kind {
	case Read:
		return shownFalse(held, op)
	case Break:
		if op.Result == Done && own != nil && own.broken > op.Revision {
			return "the hold is current and not broken"
		}
		return ""
	case Release:
		return n.releaseFalse(own, op)
	}
	if op.Result == Done {
		return keptFalse(own, op)
	}
	return n.refusalFalse(held, own, op)
}

func (n *lease) releaseFalse(own *hold, op *Op) string {
	switch {
	case own != nil:
		return "the hold is current"
	case op.WasHeld && !n.releasedBy(op):
		return "no hold of the session was released"
	}
	return ""
}

// keptFalse checks a response that confirms a hold.
func keptFalse(own *hold, op *Op) string {
	switch {
	case own == nil:
		return "the hold has ended"
	case own.holder != op.Holder:
		return "it is " + own.holder + "'s hold"
	case own.broken <= op.Revision:
		return "the hold is broken and in its grace period"
	}
	return ""
}

// refusalFalse checks a response that denies a hold.
func (n *lease) refusalFalse(held []*hold, own *hold, op *Op) string {
	switch {
	case op.Code == "broken" && own != nil && own.broken > op.Revision:
		return "the hold is current and not broken"
	case op.Code == "broken":
		return ""
	case op.Kind == Renew && own != nil:
		return "the hold is current"
	case op.Code == "held" && len(held) < n.limit:
		return "the lease has fewer holders than its limit"
	case op.Code == "held":
		return shownFalse(held, op)
	}
	return ""
}

// ownHold finds the hold that an operation refers to: by token, or by holder if it has none.
func ownHold(held []*hold, op *Op) *hold {
	token := cmp.Or(op.Got, op.Token)
	for _, h := range held {
		if h.token == token || token == 0 && h.holder == op.Holder {
			return h
		}
	}
	return nil
}

func (n *lease) releasedBy(op *Op) bool {
	return slices.ContainsFunc(n.holds, func(h *hold) bool {
		return h.holder == op.Holder && h.how == released && h.ended <= op.Revision && (op.Token == 0 || op.Token == h.token)
	})
}

// shownFalse compares the holders in a response with the actual holds.
func shownFalse(held []*hold, op *Op) string {
	var there, shown []string
	for _, h := range held {
		there = append(there, h.holder)
	}
	for _, h := range op.Holders {
		shown = append(shown, h.Holder)
	}
	same := len(held) == len(op.Holders)
	for _, s := range op.Holders {
		same = same && slices.ContainsFunc(held, func(h *hold) bool { return h.token == s.Token && h.holder == s.Holder })
	}
	if same {
		return ""
	}
	return "it shows [" + strings.Join(shown, " ") + "], want [" + strings.Join(there, " ") + "]"
}

// checkDoubles checks that no session holds the same lease twice.
func (r *Report) checkDoubles(n *lease) {
	for _, m := range n.moments {
		for i, h := range m.holds {
			if slices.ContainsFunc(m.holds[:i], func(o *hold) bool { return o.holder == h.holder }) {
				r.fail(ByRevision, n.name, "%s holds the lease twice at %d", h.holder, m.revision)
			}
		}
	}
}

// checkReasons checks that every event has a request that explains it.
func (r *Report) checkReasons(n *lease) {
	for i := range n.events {
		e := &n.events[i]
		s := n.sessions[e.Holder]
		switch {
		case e.Type == acquired && (s == nil || !s.explainsGrant(e, n.byToken[e.Token])):
			r.fail(ByRevision, n.name, "%s acquired it at %d, and no acquire explains that", e.Holder, e.Revision)
		case e.Type == released && (s == nil || !s.explainsRelease(e)):
			r.fail(ByRevision, n.name, "%s released it at %d, and no release explains that", e.Holder, e.Revision)
		case e.Type == broken && !slices.ContainsFunc(n.ops, func(op *Op) bool {
			return op.Kind == Break && op.Token == e.Token && op.Result != Failed && op.Sent <= e.Seen
		}):
			r.fail(ByRevision, n.name, "%s's hold was broken at %d, and no break explains that", e.Holder, e.Revision)
		}
	}
}

// explainsGrant reports whether an acquire of the session explains a grant: its response shows the grant, or has no
// definite outcome.
func (s *session) explainsGrant(e *Event, h *hold) bool {
	return slices.ContainsFunc(s.acquires, func(op *Op) bool {
		return op.Sent <= e.Seen && (op.Result == Done && op.Got == e.Token || op.open() || h.brokenBefore(op))
	})
}

// brokenBefore reports whether an acquire may have been granted this hold before the one in its response. A node that
// repeats the request after a failover may find that an operator has broken the first hold.
func (h *hold) brokenBefore(op *Op) bool {
	return h != nil && op.Kind == Acquire && op.Result == Done && op.Created && h.token < op.Got && h.broken <= op.Got
}

// open reports whether an operation may have effects that its response does not show. A node repeats a request after
// a failover, and the hold of the first attempt may have ended by then.
func (op *Op) open() bool {
	long := op.Kind == Acquire && op.Back-op.Sent > millis(op.TTL)
	return op.Stray || op.Queued || op.Result == Unknown || long
}

// explainsRelease reports whether a release of the session explains an event, or an acquire whose grant was
// undeliverable, so that the node released it.
func (s *session) explainsRelease(e *Event) bool {
	return slices.ContainsFunc(s.releases, func(op *Op) bool {
		return op.Sent <= e.Seen && op.Result != Failed && (op.Token == 0 || op.Token == e.Token)
	}) || slices.ContainsFunc(s.acquires, func(op *Op) bool { return op.Sent <= e.Seen && op.open() })
}

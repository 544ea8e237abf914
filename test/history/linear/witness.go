package linear

import (
	"cmp"
	"slices"
	"strings"
)

// checkRevisions takes the revisions in answers and events at their word: in
// their order, everything that was told must have been true, and that order must
// be one of real time.
func (r *Report) checkRevisions(o Options) {
	known := r.checkRealTime()
	if !r.facts.covered {
		r.Undecided = append(r.Undecided, "the streams do not cover the run: answers cannot be held against events")
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
				r.fail(ByRevision, n.name, "%s by %s, answered at revision %d: %s", op.Kind, op.who(), op.Revision, wrong)
			}
		}
		r.checkReasons(n)
		r.checkDoubles(n)
		r.replay(n)
	}
	if outside > 0 {
		r.Undecided = append(r.Undecided, "some answers are of revisions that no stream covers")
	}
}

func (op *Op) who() string { return cmp.Or(op.Holder, op.Client) }

// checkRealTime sees that who asked after somebody was answered was told of no
// older revision. It returns the newest that was known when each was asked.
func (r *Report) checkRealTime() (known map[*Op]uint64) {
	known = make(map[*Op]uint64)
	var told []*Op
	for i := range r.history.Ops {
		if op := &r.history.Ops[i]; op.Result == Done || op.Result == Refused {
			told = append(told, op)
		}
	}
	byBack := slices.SortedFunc(slices.Values(told), func(a, b *Op) int { return cmp.Compare(a.Back, b.Back) })
	slices.SortFunc(told, func(a, b *Op) int { return cmp.Compare(a.Sent, b.Sent) })
	var newest *Op
	i := 0
	for _, op := range told {
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
			r.fail(ByRevision, op.Name, "%s by %s was sent after %s of %s had been answered at revision %d, and is answered at %d",
				op.Kind, op.who(), newest.Kind, newest.Name, newest.Revision, op.Revision)
		}
	}
	return known
}

// wasTrue reports whether what a refusal shows was so at some revision since one.
func (n *lease) wasTrue(op *Op, since uint64) bool {
	if op.Code != "held" {
		return false
	}
	was := func(held []*hold) bool { return n.refusalFalse(held, nil, op) == "" }
	return was(n.heldAt(since)) || slices.ContainsFunc(n.moments, func(m moment) bool {
		return m.revision > since && m.revision <= op.Revision && was(m.holds)
	})
}

// falseAt says what is false in an answer at its revision, or "".
func (n *lease) falseAt(op *Op) string {
	held := n.heldAt(op.Revision)
	own := ownHold(held, op)
	switch op.Kind {
	case Read:
		return shownFalse(held, op)
	case Break:
		if op.Result == Done && own != nil && own.broken > op.Revision {
			return "the hold stands, unbroken"
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
		return "the hold stands"
	case op.WasHeld && !n.releasedBy(op):
		return "no hold of the session was released"
	}
	return ""
}

// keptFalse looks at an answer that says that the session holds the lease.
func keptFalse(own *hold, op *Op) string {
	switch {
	case own == nil:
		return "the hold does not stand"
	case own.holder != op.Holder:
		return "it is " + own.holder + "'s hold"
	case own.broken <= op.Revision:
		return "the hold is being broken"
	}
	return ""
}

// refusalFalse looks at one that says that it does not, or not any more.
func (n *lease) refusalFalse(held []*hold, own *hold, op *Op) string {
	switch {
	case op.Code == "broken" && own != nil && own.broken > op.Revision:
		return "the hold stands, unbroken"
	case op.Code == "broken":
		return ""
	case op.Kind == Renew && own != nil:
		return "the hold stands"
	case op.Code == "held" && len(held) < n.limit:
		return "there is room"
	case op.Code == "held":
		return shownFalse(held, op)
	}
	return ""
}

// ownHold finds the hold that an operation is about: by token, or, where it has
// none, that of its holder.
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

// shownFalse compares the holders that were shown with those that there were.
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
	return "it shows [" + strings.Join(shown, " ") + "], and there were [" + strings.Join(there, " ") + "]"
}

// checkDoubles sees that no session holds the same lease twice, however often it
// asked for it.
func (r *Report) checkDoubles(n *lease) {
	for _, m := range n.moments {
		for i, h := range m.holds {
			if slices.ContainsFunc(m.holds[:i], func(o *hold) bool { return o.holder == h.holder }) {
				r.fail(ByRevision, n.name, "%s holds it twice at %d", h.holder, m.revision)
			}
		}
	}
}

// checkReasons sees that nothing happened that nobody wanted.
func (r *Report) checkReasons(n *lease) {
	for i := range n.events {
		e := &n.events[i]
		s := n.sessions[e.Holder]
		switch {
		case e.Type == acquired && (s == nil || !s.wanted(e, n.byToken[e.Token])):
			r.fail(ByRevision, n.name, "%s acquired it at %d, and no acquire explains that", e.Holder, e.Revision)
		case e.Type == released && (s == nil || !s.gaveBack(e)):
			r.fail(ByRevision, n.name, "%s released it at %d, and no release explains that", e.Holder, e.Revision)
		case e.Type == broken && !slices.ContainsFunc(n.ops, func(op *Op) bool {
			return op.Kind == Break && op.Token == e.Token && op.Result != Failed && op.Sent <= e.Seen
		}):
			r.fail(ByRevision, n.name, "%s's hold was broken at %d, and no break explains that", e.Holder, e.Revision)
		}
	}
}

// wanted reports whether an acquire of the session explains a grant: it was told
// of it, or was left without a definite answer.
func (s *session) wanted(e *Event, h *hold) bool {
	return slices.ContainsFunc(s.acquires, func(op *Op) bool {
		return op.Sent <= e.Seen && (op.Result == Done && op.Got == e.Token || op.open() || h.brokenBefore(op))
	})
}

// brokenBefore reports whether an acquire may have been given this hold before the
// one that it was told of: a node that asks again after a failover finds that an
// operator has broken the first one meanwhile.
func (h *hold) brokenBefore(op *Op) bool {
	return h != nil && op.Kind == Acquire && op.Result == Done && op.Created && h.token < op.Got && h.broken <= op.Got
}

// open reports whether an operation may have effects that its answer does not
// tell. A node asks again by itself after a failover: what the first attempt was
// granted may have ended by then.
func (op *Op) open() bool {
	long := op.Kind == Acquire && op.Back-op.Sent > millis(op.TTL)
	return op.Stray || op.Queued || op.Result == Unknown || long
}

// gaveBack reports whether a release of the session explains one, or an acquire
// whose grant could not be delivered and was taken back by the node.
func (s *session) gaveBack(e *Event) bool {
	return slices.ContainsFunc(s.releases, func(op *Op) bool {
		return op.Sent <= e.Seen && op.Result != Failed && (op.Token == 0 || op.Token == e.Token)
	}) || slices.ContainsFunc(s.acquires, func(op *Op) bool { return op.Sent <= e.Seen && op.open() })
}

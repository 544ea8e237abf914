package linear

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// checkStreams checks that each stream is in order, that the streams agree, and that no stream lacks an event of
// another.
func (r *Report) checkStreams() {
	for i := range r.history.Events {
		s := &r.history.Events[i]
		r.checkOrder(s)
		r.checkGaps(s)
	}
}

func (r *Report) checkOrder(s *Stream) {
	at := s.From
	for _, e := range s.Events {
		switch {
		case e.Revision == at && at > s.From:
			r.fail(ByStreams, e.Name, "the stream from %s delivered revision %d twice", s.Node, at)
		case e.Revision <= at:
			r.fail(ByStreams, e.Name, "the stream from %s delivered revision %d after %d", s.Node, e.Revision, at)
		case e.Revision > s.To:
			r.fail(ByStreams, e.Name, "the stream from %s delivered revision %d and covers only up to %d", s.Node, e.Revision, s.To)
		case !strings.HasPrefix(e.Name, s.Prefix):
			r.fail(ByStreams, e.Name, "the stream from %s has the prefix %q", s.Node, s.Prefix)
		}
		at = max(at, e.Revision)
	}
}

// checkGaps compares a stream with the events of all streams.
func (r *Report) checkGaps(s *Stream) {
	mine := slices.SortedStableFunc(slices.Values(s.Events), func(a, b Event) int { return cmp.Compare(a.Revision, b.Revision) })
	i := 0
	for _, e := range r.facts.events {
		if e.Revision <= s.From || e.Revision > s.To || !strings.HasPrefix(e.Name, s.Prefix) {
			continue
		}
		for i < len(mine) && mine[i].Revision < e.Revision {
			i++
		}
		if i == len(mine) || mine[i].Revision != e.Revision {
			r.fail(ByStreams, e.Name, "the stream from %s covers %d to %d and lacks %s at %d", s.Node, s.From, s.To, e.Type, e.Revision)
			continue
		}
		if m := mine[i]; !e.same(m) {
			r.fail(ByStreams, e.Name, "revision %d is %s of %s by %d in one stream and %s of %s by %d in that from %s",
				e.Revision, e.Type, e.Name, e.Token, m.Type, m.Name, m.Token, s.Node)
		}
	}
}

// same reports whether two streams delivered the same event.
func (e Event) same(as Event) bool {
	e.Seen = as.Seen
	return e == as
}

// grant is one token, and the times between which it was granted.
type grant struct {
	token      uint64
	name       string
	call, back time.Duration
}

// checkTokens checks that no token is granted twice, and that tokens increase in the order of real time, over all
// names.
func (r *Report) checkTokens() {
	var grants []grant
	owners := make(map[uint64]string)
	for _, n := range r.facts.inOrder() {
		for holder, s := range n.sessions {
			for token, t := range s.known {
				owner := n.name + " to " + holder
				if before, twice := owners[token]; twice {
					r.fail(ByStreams, n.name, "token %d was granted for %s and for %s", token, before, owner)
				}
				owners[token] = owner
				grants = append(grants, grant{token, n.name, s.firstSent(), t.first})
			}
			r.checkRenewedTokens(n, s)
		}
	}
	r.checkGrowth(grants)
}

// firstSent returns when the session first sent an acquire of the lease.
func (s *session) firstSent() time.Duration {
	first := neverSeen
	for _, op := range s.acquires {
		first = min(first, op.Sent)
	}
	return first
}

func (r *Report) checkRenewedTokens(n *lease, s *session) {
	for _, op := range s.renews {
		if op.Result == Done && op.Token != 0 && op.Got != op.Token {
			r.fail(ByStreams, n.name, "a renewal by token %d returned %d", op.Token, op.Got)
		}
	}
}

func (r *Report) checkGrowth(grants []grant) {
	byBack := slices.Clone(grants)
	slices.SortFunc(byBack, func(a, b grant) int { return cmp.Compare(a.back, b.back) })
	slices.SortFunc(grants, func(a, b grant) int { return cmp.Compare(a.call, b.call) })
	highest, i := grant{}, 0
	for _, g := range grants {
		for ; i < len(byBack) && byBack[i].back < g.call; i++ {
			if byBack[i].token > highest.token {
				highest = byBack[i]
			}
		}
		if g.token < highest.token {
			r.fail(ByStreams, g.name, "token %d was granted after the response with %d (of %s)", g.token, highest.token, highest.name)
		}
	}
}

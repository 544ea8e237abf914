package linear

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// checkStreams sees that each stream is in order, that streams agree, and that
// none left out what another one told.
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
			r.fail(ByStreams, e.Name, "the stream from %s tells revision %d twice", s.Node, at)
		case e.Revision <= at:
			r.fail(ByStreams, e.Name, "the stream from %s tells revision %d after %d", s.Node, e.Revision, at)
		case e.Revision > s.To:
			r.fail(ByStreams, e.Name, "the stream from %s tells revision %d, and says that it covers up to %d", s.Node, e.Revision, s.To)
		case !strings.HasPrefix(e.Name, s.Prefix):
			r.fail(ByStreams, e.Name, "the stream from %s asked for %q", s.Node, s.Prefix)
		}
		at = max(at, e.Revision)
	}
}

// checkGaps compares a stream with what all of them told.
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
			r.fail(ByStreams, e.Name, "the stream from %s covers %d to %d and leaves out %s at %d", s.Node, s.From, s.To, e.Type, e.Revision)
			continue
		}
		if m := mine[i]; !e.same(m) {
			r.fail(ByStreams, e.Name, "revision %d is %s of %s by %d in one stream and %s of %s by %d in that from %s",
				e.Revision, e.Type, e.Name, e.Token, m.Type, m.Name, m.Token, s.Node)
		}
	}
}

// same reports whether two streams tell the same.
func (e Event) same(as Event) bool {
	e.Seen = as.Seen
	return e == as
}

// grant is one token, and when it can have been given.
type grant struct {
	token      uint64
	name       string
	call, back time.Duration
}

// checkTokens sees that no token is given twice, and that they grow in the order
// of real time, over all names.
func (r *Report) checkTokens() {
	var grants []grant
	owners := make(map[uint64]string)
	for _, n := range r.facts.inOrder() {
		for holder, s := range n.sessions {
			for token, t := range s.told {
				owner := n.name + " to " + holder
				if before, twice := owners[token]; twice {
					r.fail(ByStreams, n.name, "token %d was given for %s and for %s", token, before, owner)
				}
				owners[token] = owner
				grants = append(grants, grant{token, n.name, s.asked(), t.first})
			}
			r.checkRenewedTokens(n, s)
		}
	}
	r.checkGrowth(grants)
}

// asked is when a session first asked for the lease.
func (s *session) asked() time.Duration {
	first := neverSeen
	for _, op := range s.acquires {
		first = min(first, op.Sent)
	}
	return first
}

func (r *Report) checkRenewedTokens(n *lease, s *session) {
	for _, op := range s.renews {
		if op.Result == Done && op.Token != 0 && op.Got != op.Token {
			r.fail(ByStreams, n.name, "a renewal by token %d was answered with %d", op.Token, op.Got)
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
			r.fail(ByStreams, g.name, "token %d was given after %d (of %s) had been answered", g.token, highest.token, highest.name)
		}
	}
}

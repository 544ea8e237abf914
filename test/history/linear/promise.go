package linear

import (
	"cmp"
	"slices"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// Lateness is how long after their last possible end expiries were seen.
type Lateness struct {
	P50, P99, Max time.Duration
	Measured      int
}

// certain is the time in which a session certainly held a lease: from the first response that shows it to the end of
// the promise, unless something ended it before.
type certain struct {
	token      uint64
	holder     string
	start, end time.Duration
	renewed    time.Duration
	ttl        time.Duration
	open       bool // its end may have been extended by an attempt without a response
}

// checkPromises checks that no other session held a lease before a promise ended, and that leases became free in
// time.
func (r *Report) checkPromises(o Options) {
	terms := byBeginning(r.history.Terms)
	var late []time.Duration
	for _, n := range r.facts.inOrder() {
		all := n.certain()
		r.checkExclusion(n, all)
		for _, c := range all {
			r.checkEarly(n, c)
			if l, ok := n.lateness(c, r.history.Rho, terms); ok {
				late = append(late, l)
				if o.MaxLateness > 0 && l > o.MaxLateness {
					r.fail(ByPromise, n.name, "token %d of %s ended %s after its last possible end", c.token, c.holder, l)
				}
			}
		}
	}
	r.Lateness = summary(late)
}

func summary(late []time.Duration) Lateness {
	if len(late) == 0 {
		return Lateness{}
	}
	slices.Sort(late)
	at := func(share float64) time.Duration { return late[int(share*float64(len(late)-1))] }
	return Lateness{P50: at(0.5), P99: at(0.99), Max: at(1), Measured: len(late)}
}

// certain returns the certain times of all holds, by start.
func (n *lease) certain() []certain {
	var all []certain
	for _, s := range n.sessions {
		for _, t := range s.known {
			c := certain{token: t.token, holder: s.holder, start: t.first, end: t.until, renewed: t.last, ttl: t.ttl, open: t.loose}
			if h := n.byToken[t.token]; h != nil {
				c.start = min(c.start, h.seen)
			}
			for _, op := range s.releases {
				if op.Token == 0 || op.Token == t.token {
					c.end = min(c.end, op.Sent)
				}
			}
			for _, op := range n.ops {
				if op.Kind == Break && op.Token == t.token && op.Grace != fsm.InheritGrace {
					c.end = min(c.end, op.Sent+millis(op.Grace))
				}
			}
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b certain) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.token, b.token)) })
	return all
}

// checkExclusion checks that the number of sessions that certainly hold the lease never exceeds the limit.
func (r *Report) checkExclusion(n *lease, all []certain) {
	var now []certain
	for _, c := range all {
		if c.start >= c.end {
			continue
		}
		now = slices.DeleteFunc(now, func(o certain) bool { return o.end <= c.start })
		now = append(now, c)
		if len(now) > n.limit {
			first := now[0]
			r.fail(ByPromise, n.name, "%s held it by %d from %s to %s, and %s by %d from %s to %s: the limit is %d",
				first.holder, first.token, first.start, first.end, c.holder, c.token, c.start, c.end, n.limit)
		}
	}
}

// checkEarly checks that no response reported a loss to the holder before its promise ended.
func (r *Report) checkEarly(n *lease, c certain) {
	if h := n.byToken[c.token]; h != nil && h.how == expired && h.endedSeen < c.end {
		r.fail(ByPromise, n.name, "token %d of %s expired at %s and was promised until %s", c.token, c.holder, h.endedSeen, c.end)
	}
	for _, op := range n.sessions[c.holder].renews {
		lost := op.Code == "not-holder" || op.Code == "stale-token"
		if op.Result == Refused && lost && op.Token == c.token && op.Sent >= c.start && op.Back < c.end {
			r.fail(ByPromise, n.name, "token %d of %s was promised until %s, and its renewal was refused at %s", c.token, c.holder, c.end, op.Back)
		}
	}
}

// lateness returns how late a hold was seen to expire that its client did not renew or release, counted from the last
// possible renewal.
func (n *lease) lateness(c certain, rho float64, terms []TermChange) (time.Duration, bool) {
	h := n.byToken[c.token]
	if h == nil || h.how != expired || c.open {
		return 0, false
	}
	return max(0, h.endedSeen-latest(c.renewed, atMost(c.ttl, rho), 0, terms)), true
}

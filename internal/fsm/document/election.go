package document

import (
	"cmp"
	"slices"

	"github.com/lockd/lockd/internal/fsm/lease"
)

// Strategy is the only strategy of elections: the candidate with the lowest emulation version leads.
const Strategy = "OldestEmulationVersion"

// Counts reports whether a candidate takes part in elections at a cluster time.
func (d *Document) Counts(now lease.Millis) bool {
	return d.Candidate.Strategy == Strategy && now-d.Candidate.Seen < CandidateLife
}

// Alive reports whether the candidate has renewed itself so recently that it needs no ping.
func (d *Document) Alive(now lease.Millis) bool { return now-d.Candidate.Seen <= Fresh }

// Best returns the candidate that should lead, or nil if there is none.
func Best(candidates []*Document) (best *Document) {
	for _, c := range candidates {
		if best == nil || c.before(best) {
			best = c
		}
	}
	return best
}

// before reports whether the candidate goes before another one: the lowest emulation version, then the lowest binary
// version, then the oldest.
func (d *Document) before(o *Document) bool {
	a, b := d.Candidate, o.Candidate
	return cmp.Or(
		CompareVersions(cmp.Or(a.Emulation, a.Binary), cmp.Or(b.Emulation, b.Binary)), CompareVersions(a.Binary, b.Binary),
		cmp.Compare(d.Born, o.Born),
	) < 0
}

// Answered reports whether a candidate is alive in the round.
func (r *Round) Answered(d *Document) bool {
	seen := d.Candidate.Seen
	return seen >= r.Begun || d.Name != r.Excluded && seen >= r.Begun-Fresh
}

// Choose returns the candidate that the round elects, or nil if it has to wait for answers.
func (r *Round) Choose(candidates []*Document) *Document {
	var others, last []*Document
	waits := false
	for _, c := range candidates {
		switch answered := r.Answered(c); {
		case answered && c.Name == r.Excluded:
			last = append(last, c)
		case answered:
			others = append(others, c)
		case c.Name != r.Excluded:
			waits = true
		}
	}
	switch {
	case waits && !r.Over:
		return nil
	case len(others) > 0:
		return Best(others)
	}
	return Best(last)
}

// An election chooses which of its candidates holds a lease. It is decided whenever the lease or a candidate changes, so
// that a lease that becomes free has its next holder in the same entry if it is known which candidates are alive. If
// that is not known, the candidates are pinged, and a round waits for their answers.

// Elect does what is due in the election for a lease.
func (s Store) Elect(h Host, subject string) {
	candidates := s.counting(h, subject)
	l := h.Lease(subject)
	switch {
	case len(candidates) == 0:
		s.end(h, subject)
	case len(l.Holds) > 0:
		s.end(h, subject)
		s.prefer(h, subject, candidates)
	case h.Available(subject):
		round := s.Round(subject)
		begun := round != nil
		if !begun {
			round = &Round{Subject: subject, Begun: h.Now(), Excluded: l.History.Previous().Holder}
		}
		switch chosen := round.Choose(candidates); {
		case chosen != nil:
			s.end(h, subject)
			s.grant(h, chosen)
		case !begun:
			s.begin(h, round, candidates)
		}
	}
}

// counting returns the candidates for a lease that take part, and deletes those that have not been renewed for long. A
// candidate whose principal has lost the right to the lease takes no part.
func (s Store) counting(h Host, subject string) (counting []*Document) {
	for _, c := range s.Candidates(subject) {
		switch {
		case c.Counts(h.Now()):
			if h.MayHold(subject, c.Candidate.Principal) {
				counting = append(counting, c)
			}
		case h.Now()-c.Candidate.Seen >= CandidateLife:
			s.remove(h, c)
		}
	}
	return counting
}

// begin begins a round and pings the candidates that may not be alive.
func (s Store) begin(h Host, r *Round, candidates []*Document) {
	r.ID = h.Revise()
	s.SetRound(r)
	h.Arm(r)
	for _, c := range candidates {
		if !r.Answered(c) {
			s.ping(h, c)
		}
	}
}

// ping asks the client of a candidate to renew it.
func (s Store) ping(h Host, c *Document) {
	n, spec := *c, *c.Candidate
	n.Candidate, n.Write = &spec, 0
	spec.Ping, spec.Pinged = Some(max(h.Wall()*1_000, spec.Renewed.Value+1)), h.Now()
	s.put(h, c, &n)
}

func (s Store) end(h Host, subject string) {
	if r := s.Round(subject); r != nil {
		s.EndRound(r)
		h.Disarm(r)
	}
}

// Expire ends the time for answers in a round, and reports whether it is the current one.
func (s Store) Expire(h Host, subject string, id uint64) bool {
	r := s.Round(subject)
	if r == nil || r.ID != id || r.Over {
		return false
	}
	over := *r
	over.Over = true
	s.SetRound(&over)
	h.Disarm(r)
	s.Elect(h, subject)
	return true
}

// grant grants a lease to the candidate that was elected, for the time that it has to take over. If a limit is reached,
// the next change of the lease or of a candidate tries again.
func (s Store) grant(h Host, chosen *Document) {
	k, ok := KeyOfLease(chosen.Subject)
	held := h.Hold(chosen.Subject, chosen.Name, ElectedTTL, Author{Principal: chosen.Candidate.Principal})
	if !ok || held == nil {
		return
	}
	old := s.Get(k)
	n := &Document{Key: k, Subject: chosen.Subject}
	spec := LeaseSpec{}
	if old != nil {
		*n, spec = *old, *old.Lease
		spec.Transitions = Some(spec.Transitions.Value + 1)
	}
	n.Lease, n.Write = &spec, 0
	spec.Holder, spec.HolderSet, spec.Token, spec.Strategy, spec.Preferred = chosen.Name, true, held.Token, Strategy, ""
	spec.Duration, spec.Renewed = Some(int64(ElectedTTL/1_000)), Some(h.Wall()*1_000)
	s.put(h, old, n)
}

// left reports whether a candidate was the holder before the present one and has not renewed itself since: its process may
// have ended.
func left(c *Document, l *lease.Lease) bool {
	return c.Name == l.History.Previous().Holder && c.Candidate.Seen <= l.Holds[0].Granted
}

// prefer states in a Lease which candidate should take over from a holder that is not the best one. It pings that
// candidate first, so that a holder never gives way to a process that has ended.
func (s Store) prefer(h Host, subject string, candidates []*Document) {
	d := s.LeaseOf(subject)
	best := Best(candidates)
	if d == nil || !slices.ContainsFunc(candidates, func(c *Document) bool { return c.Name == d.Lease.Holder }) {
		return
	}
	preferred := ""
	if best.Name != d.Lease.Holder {
		if !best.Alive(h.Now()) || left(best, h.Lease(subject)) {
			if best.Candidate.Pinged <= best.Candidate.Seen {
				s.ping(h, best)
			}
			return
		}
		preferred = best.Name
	}
	if d.Lease.Preferred == preferred {
		return
	}
	n, spec := *d, *d.Lease
	n.Lease, n.Write = &spec, 0
	spec.Preferred, spec.Strategy = preferred, Strategy
	s.put(h, d, &n)
}

package linear

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Types of the events that start and end holds.
const (
	acquired    = "acquired"
	released    = "released"
	expired     = "expired"
	broken      = "broken"
	transferred = "transferred"
	reclaimed   = "reclaimed"
	free        = "free"
)

// never is the revision or the time of what has not happened.
const (
	never     = uint64(math.MaxUint64)
	neverSeen = time.Duration(math.MaxInt64)
)

// facts is a history, indexed for the checkers.
type facts struct {
	names   map[string]*lease
	events  []Event // events of all streams, by revision, with the time when each was first seen
	from    uint64  // the streams cover the revisions after from, up to to
	to      uint64
	covered bool // without a gap
}

// lease is all facts about one name.
type lease struct {
	name     string
	limit    int
	ops      []*Op // by time of sending
	events   []Event
	holds    []*hold          // by token
	byToken  map[uint64]*hold // index of holds
	moments  []moment
	sessions map[string]*session // by holder
}

// session is the operations of one session on one name. Its holder identifies it.
type session struct {
	holder   string
	acquires []*Op
	renews   []*Op
	releases []*Op
	known    map[uint64]*knowledge
}

// knowledge is what the responses to a session say about one of its holds.
type knowledge struct {
	token uint64
	first time.Duration // time of the first response
	last  time.Duration // time of the last response
	until time.Duration // end of the promise
	loose bool          // an attempt without a response may have renewed it later
	ttl   time.Duration
}

// hold is one hold, as events show it.
type hold struct {
	token  uint64
	holder string
	broken uint64 // revision at which an operator broke it
	ended  uint64 // revision at which it had ended
	how    string // type of the event that ended it

	seen      time.Duration // when its grant was seen
	endedSeen time.Duration
}

// moment is the tokens of the holds from a revision on.
type moment struct {
	revision uint64
	holds    []*hold
}

func gather(h *History) *facts {
	f := &facts{names: make(map[string]*lease)}
	for i := range h.Ops {
		f.lease(h.Ops[i].Name).add(&h.Ops[i])
	}
	f.merge(h.Events)
	for _, e := range f.events {
		n := f.lease(e.Name)
		n.events = append(n.events, e)
	}
	for _, n := range f.names {
		slices.SortStableFunc(n.ops, func(a, b *Op) int { return cmp.Compare(a.Sent, b.Sent) })
		n.collect(h.Rho)
		n.build()
	}
	return f
}

func (f *facts) lease(name string) *lease {
	n := f.names[name]
	if n == nil {
		n = &lease{name: name, limit: 1, byToken: make(map[uint64]*hold), sessions: make(map[string]*session)}
		f.names[name] = n
	}
	return n
}

// inOrder returns the leases sorted by name, so that reports are reproducible.
func (f *facts) inOrder() []*lease {
	all := make([]*lease, 0, len(f.names))
	for _, n := range f.names {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b *lease) int { return cmp.Compare(a.name, b.name) })
	return all
}

// merge merges the streams and determines the revisions that they cover.
func (f *facts) merge(streams []Stream) {
	var spans [][2]uint64
	seen := make(map[uint64]int)
	for i := range streams {
		s := &streams[i]
		spans = append(spans, [2]uint64{s.From, s.To})
		for _, e := range s.Events {
			if at, ok := seen[e.Revision]; ok {
				f.events[at].Seen = min(f.events[at].Seen, e.Seen)
				continue
			}
			seen[e.Revision] = len(f.events)
			f.events = append(f.events, e)
		}
	}
	slices.SortFunc(f.events, func(a, b Event) int { return cmp.Compare(a.Revision, b.Revision) })
	slices.SortFunc(spans, func(a, b [2]uint64) int { return cmp.Compare(a[0], b[0]) })
	f.covered = len(spans) > 0
	for i, s := range spans {
		if i == 0 {
			f.from, f.to = s[0], s[1]
		}
		f.covered = f.covered && s[0] <= f.to
		f.to = max(f.to, s[1])
	}
}

func (n *lease) add(op *Op) {
	n.ops = append(n.ops, op)
	if op.Kind == Acquire {
		n.limit = max(n.limit, op.Limit)
	}
	if op.Holder == "" {
		return
	}
	s := n.sessions[op.Holder]
	if s == nil {
		s = &session{holder: op.Holder, known: make(map[uint64]*knowledge)}
		n.sessions[op.Holder] = s
	}
	switch op.Kind {
	case Acquire:
		s.acquires = append(s.acquires, op)
	case Renew:
		s.renews = append(s.renews, op)
	case Release:
		s.releases = append(s.releases, op)
	}
}

// collect collects the promises to each session.
func (n *lease) collect(rho float64) {
	for _, s := range n.sessions {
		for _, op := range s.acquires {
			if op.Result == Done {
				s.hear(op, millis(op.TTL), rho)
			}
		}
		s.loosen()
		for _, op := range s.renews {
			if t := s.known[op.Got]; op.Result == Done && t != nil {
				s.hear(op, t.ttl, rho)
			}
			if t := s.known[op.Token]; t != nil && op.open() {
				t.loose = true
			}
		}
	}
}

// loosen records that an acquire that may still arrive can renew the current hold.
func (s *session) loosen() {
	for _, t := range s.known {
		t.loose = t.loose || slices.ContainsFunc(s.acquires, func(op *Op) bool { return op.Stray || op.Result == Unknown })
	}
}

func (s *session) hear(op *Op, ttl time.Duration, rho float64) {
	t := s.known[op.Got]
	if t == nil {
		t = &knowledge{token: op.Got, first: op.Back, ttl: ttl}
		s.known[op.Got] = t
	}
	t.first, t.last = min(t.first, op.Back), max(t.last, op.Back)
	t.until = max(t.until, promised(op, rho))
}

// promised returns until when a response guarantees that no other session holds the lease, for a client whose clock
// is slow by rho.
func promised(op *Op, rho float64) time.Duration {
	return op.Last + atMost(millis(op.Waited+op.ExpiresIn), rho)
}

// build derives the holds, and the holders at each revision, from the events. The end of a broken hold is visible
// only in the next event.
func (n *lease) build() {
	var now []*hold
	at := func(revision uint64) {
		n.moments = append(n.moments, moment{revision, slices.Clone(now)})
	}
	end := func(h *hold, revision uint64, e *Event) {
		h.ended, h.how, h.endedSeen = revision, e.Type, e.Seen
		if h.broken != never && e.Type != released {
			h.how = broken
		}
		now = slices.DeleteFunc(now, func(o *hold) bool { return o == h })
		at(revision)
	}
	for i := range n.events {
		e := &n.events[i]
		h := n.byToken[e.Token]
		switch {
		case e.Type == acquired && h == nil:
			if b := firstBroken(now); b != nil && len(now) >= n.limit {
				end(b, e.Revision-1, e)
			}
			h = &hold{token: e.Token, holder: e.Holder, broken: never, ended: never, seen: e.Seen, endedSeen: neverSeen}
			n.byToken[e.Token] = h
			n.holds = append(n.holds, h)
			now = append(now, h)
			at(e.Revision)
		case h == nil || h.ended != never:
		case e.Type == broken:
			h.broken = e.Revision
		case e.Type == released || e.Type == expired || e.Type == transferred || e.Type == reclaimed || e.Type == free:
			end(h, e.Revision, e)
		}
	}
}

func firstBroken(holds []*hold) (first *hold) {
	for _, h := range holds {
		if h.broken != never && (first == nil || h.broken < first.broken) {
			first = h
		}
	}
	return first
}

// heldAt returns the holds at a revision.
func (n *lease) heldAt(revision uint64) []*hold {
	i, found := slices.BinarySearchFunc(n.moments, revision, func(m moment, r uint64) int { return cmp.Compare(m.revision, r) })
	for found && i+1 < len(n.moments) && n.moments[i+1].revision == revision {
		i++
	}
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	return n.moments[i].holds
}

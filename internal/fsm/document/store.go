package document

import (
	"fmt"

	"github.com/lockd/lockd/internal/fsm/lease"
)

// A Store is the table with what keeps it in accord with the leases.
type Store struct{ *Table }

// NewStore returns an empty store.
func NewStore() Store { return Store{NewTable()} }

// Put stores a document over the version of a revision; 0: there must be none. Its Write identifies the write: a copy of
// it finds its effect. The result is the stored document, or the one that is in the way.
func (s Store) Put(h Host, n Document, expect uint64, by Author) (*Document, Outcome) {
	old := s.Get(n.Key)
	if old != nil && old.Write == n.Write {
		return old, Done
	}
	if o := expected(h, old, &n, expect, by); o != Done {
		return old, o
	}
	if o := s.admit(h, old, &n); o != Done {
		return old, o
	}
	switch n.Kind {
	case Lease:
		spec := *n.Lease
		n.Lease = &spec
		if o := s.hold(h, old, &n, by); o != Done {
			return old, o
		}
	case Candidate:
		n.Candidate = seen(h, old, &n, by.Principal)
	}
	if old != nil && old.SameContent(&n) {
		return s.keep(h, old, &n), Done
	}
	stored := s.put(h, old, &n)
	switch n.Kind {
	case Event:
		s.trim(h)
	case Candidate:
		s.Elect(h, n.Subject)
	}
	return stored, Done
}

// expected returns whether the stored document, or nil, is the one that a write states, and its author's own.
func expected(h Host, old, n *Document, revision uint64, by Author) Outcome {
	switch {
	case old == nil && revision != 0:
		return NotFound
	case old != nil && revision == 0:
		return Exists
	case old != nil && (old.Revision != revision || old.Subject != n.Subject):
		return Conflict // the right that the author has is one on the subject
	case old != nil && !belongs(h, old, by):
		return OfOther
	}
	return Done
}

// Remove deletes the document with the key and the UID of another one, of a revision if that is not 0, and ends its hold:
// for an operator, or, if the author states none, for its holder.
func (s Store) Remove(h Host, which *Document, expect uint64, by Author) (*Document, Outcome) {
	old := s.Get(which.Key)
	switch {
	case old == nil:
		return nil, NotFound
	case old.UID != which.UID || old.Subject != which.Subject || expect != 0 && expect != old.Revision:
		return old, Conflict
	case !belongs(h, old, by):
		return old, OfOther
	}
	if l := h.Lease(old.Subject); old.Kind == Lease && len(l.Holds) > 0 {
		if !h.Owns(old.Subject, l.Holds[0], by) && !by.Override {
			return old, HeldByOther
		}
		if by.Operator == "" {
			h.Release(old.Subject)
		} else {
			h.Break(old.Subject, by.Operator, "the Kubernetes Lease was deleted")
		}
	}
	for _, e := range h.Pending() {
		s.record(h, old, e)
	}
	s.remove(h, old)
	s.Elect(h, old.Subject)
	return old, Done
}

// belongs reports whether an author may change a document. A candidate belongs to its principal, for as long as that may
// hold the lease: the hold that it is elected to does.
func belongs(h Host, d *Document, by Author) bool {
	if d.Candidate == nil || d.Candidate.Principal == "" || by.Override {
		return true
	}
	return d.Candidate.Principal == by.Principal || !h.Guards() || !h.MayHold(d.Subject, d.Candidate.Principal)
}

// admit returns why a document must not be stored, or Done.
func (s Store) admit(h Host, old, n *Document) Outcome {
	more := n.Size()
	if old != nil {
		more -= old.Size()
	} else {
		switch {
		case n.Kind == Lease && s.Count(Lease) >= MaxLeases,
			n.Kind == Candidate && s.Count(Candidate) >= MaxCandidates,
			n.Kind == Candidate && len(s.Candidates(n.Subject)) >= MaxCandidatesOf:
			return TooMany
		}
	}
	if more <= 0 {
		return Done
	}
	return h.Fits(n.Subject, more)
}

// hold acquires, renews or releases the lease of a Lease, as its new version states. A write that changes only the metadata
// does none of these: otherwise it would keep alive the hold of a holder that has ended.
func (s Store) hold(h Host, old, n *Document, by Author) Outcome {
	if old != nil && old.Body != n.Body && old.Lease.states(n.Lease) {
		n.Lease.Token = old.Lease.Token
		return Done
	}
	if n.Lease.Holder == "" {
		return s.vacate(h, old, n, by)
	}
	held := h.Hold(n.Subject, n.Lease.Holder, lease.Millis(n.Lease.Duration.Value)*1_000, by)
	if held == nil {
		return HeldByOther
	}
	n.Lease.Token = held.Token
	return Done
}

// vacate ends the hold of a Lease whose new version states no holder.
func (s Store) vacate(h Host, old, n *Document, by Author) Outcome {
	n.Lease.Token = 0
	l := h.Lease(n.Subject)
	if len(l.Holds) == 0 {
		return Done
	}
	mine := old != nil && old.Lease.Token == l.Holds[0].Token && !old.Lease.after(n.Lease) && h.Owns(n.Subject, l.Holds[0], by)
	if !mine && !by.Override {
		return HeldByOther
	} else if !mine {
		h.Break(n.Subject, by.Operator, "its holder was removed from the Kubernetes Lease")
		return Done
	}
	h.Release(n.Subject)
	return Done
}

// after reports whether the specification is of a later holder than another one that a client made. client-go releases
// over the newest version, also that of another process that leads since. Until 0.31 at least, leaseTransitions shows it.
func (s *LeaseSpec) after(o *LeaseSpec) bool {
	return s.Transitions.Set && o.Transitions.Set && s.Transitions.Value > o.Transitions.Value
}

// seen returns the specification of a candidate that its client writes now.
func seen(h Host, old, n *Document, principal string) *CandidateSpec {
	spec := *n.Candidate
	spec.Principal, spec.Seen, spec.Pinged = principal, h.Now(), 0
	if old != nil {
		spec.Pinged = old.Candidate.Pinged
	}
	if spec.Ping.Value > spec.Renewed.Value {
		spec.Ping = Number{} // this is the answer, even if its client's clock is behind
	}
	return &spec
}

// keep stores what only the machine reads of a write that changes nothing: the version stays.
func (s Store) keep(h Host, old, n *Document) *Document {
	same := *old
	same.Write, same.Candidate = n.Write, n.Candidate
	s.count(h, s.Table.Put(&same))
	s.Elect(h, old.Subject)
	return &same
}

// put stores a new version of a document. The old one is nil if there was none.
func (s Store) put(h Host, old, n *Document) *Document {
	n.Revision = h.Revise()
	if old == nil {
		n.Born, n.Created, n.UID = n.Revision, h.Wall(), UIDOf(h.ClusterID(), n.Key, n.Revision)
	} else {
		n.Born, n.Created, n.UID = old.Born, old.Created, old.UID
	}
	c := s.Table.Put(n)
	s.count(h, c)
	h.Changed(c)
	return n
}

func (s Store) remove(h Host, old *Document) {
	c := s.Delete(old, h.Revise())
	s.count(h, c)
	h.Changed(c)
}

// count counts a change for the quota of its lease.
func (s Store) count(h Host, c *Change) {
	if c.Before != nil {
		h.Count(c.Before.Subject, -c.Before.Size())
	}
	if c.After != nil {
		h.Count(c.After.Subject, c.After.Size())
	}
}

// trim deletes the oldest events beyond the limits.
func (s Store) trim(h Host) {
	for oldest := s.OldestEvent(); oldest != nil; oldest = s.OldestEvent() {
		s.remove(h, oldest)
	}
}

// Follow makes the documents of a lease follow an event of it: the event becomes an Event, the Lease states the present
// holder, and a holder is elected.
func (s Store) Follow(h Host, e *lease.Event) {
	if d := s.LeaseOf(e.Name); d != nil {
		s.record(h, d, e)
		s.followHolder(h, d)
	}
	s.Elect(h, e.Name) // there can be candidates before there is a Lease
}

// record stores an event of a lease as an Event.
func (s Store) record(h Host, d *Document, e *lease.Event) {
	n := &Document{Key: Key{Kind: Event, Namespace: d.Namespace, Name: eventName(d.Name, e.Revision)}, Subject: d.Subject, History: e, Body: d.UID}
	if h.Fits(d.Subject, n.Size()) != Done {
		return // events are the first to be left out
	}
	s.put(h, nil, n)
	s.trim(h)
}

// eventName returns the name of the Event for an event of a Lease.
func eventName(name string, revision uint64) string {
	suffix := fmt.Sprintf(".%016x", revision)
	return name[:min(len(name), MaxNameBytes-len(suffix))] + suffix
}

// followHolder makes a Lease state the present holder of its lease. It leaves the times as the client wrote them.
func (s Store) followHolder(h Host, d *Document) {
	var held lease.Hold
	if l := h.Lease(d.Subject); len(l.Holds) > 0 {
		held = *l.Holds[0]
	}
	if held.Token == d.Lease.Token {
		return
	}
	n, spec := *d, *d.Lease
	n.Lease, n.Write = &spec, 0
	spec.Token, spec.Holder, spec.HolderSet = held.Token, held.Holder, true
	if held.Token != 0 { // a client of lockd's own API acquired it
		now := Some(h.Wall() * 1_000)
		spec.Acquired, spec.Renewed, spec.Transitions = now, now, Some(spec.Transitions.Value+1)
		spec.Duration = Number{}
		if held.TTL > 0 {
			spec.Duration = Some(int64(held.TTL+999) / 1_000)
		}
	}
	s.put(h, d, &n)
}

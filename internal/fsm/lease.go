package fsm

import "slices"

// A Lease is a named, time-limited right with up to Limit holders. Leases, holds and tickets
// are immutable once they are stored in the machine: a change replaces them, so snapshots
// and readers can keep them.
type Lease struct {
	Name      string
	Limit     int
	Holds     []*Hold    // in the order of their grants
	Cooldowns []Cooldown // slots that are not available yet
	Queue     []*Ticket  // in the order in which they are served
	History   *LeaseHistory

	bytes int // its size, once it is stored
}

// A Hold is one session's right to a lease.
type Hold struct {
	Holder    string // public holder name
	Session   string // secret
	Token     uint64 // the revision at the grant
	Slot      int
	TTL       Millis
	Delay     Millis // cooldown if the hold ends by expiry or break
	Seq       uint64 // increments with each logged renewal; Expire.Seq must equal it
	AttemptID AttemptID
	Attempt   string // see Acquire.Attempt; may be empty
	Principal string // whose hold it is; empty if no credential was needed
	Meta      string // JSON object, or empty
	Granted   Millis // cluster time of the grant
	Renewed   Millis // cluster time of the grant or of the last logged renewal
	Break     *Breaking
	StepDown  *StepDownRequest // nil if there is none

	// Reclaimed is the attempt that reclaimed the hold, if any: its late copies get the
	// same answer. Clean-ups ignore it.
	Reclaimed *AttemptID
}

// A StepDownRequest is an operator's request to a holder to hand over. It does not end the
// hold.
type StepDownRequest struct {
	To     string // the requested next holder name; empty if any
	By     string
	Within Millis // from At; 0: no limit
	At     Millis
}

// Breaking is an operator's break of a hold whose grace is still running.
type Breaking struct {
	Reason string
	By     string
	Grace  Millis // InheritGrace, or from At
	At     Millis
}

// InheritGrace as a grace lets a broken hold last as long as its holder was promised.
const InheritGrace Millis = -1

// A Cooldown keeps a slot unavailable for a delay.
type Cooldown struct {
	Slot   int
	Holder string // of the hold that ended
	Token  uint64 // likewise
	Seq    uint64
	For    Millis
	From   Millis
	Cause  EventType
}

// A Ticket is a place in a lease's queue.
type Ticket struct {
	ID        uint64 // the revision at which it was queued
	Holder    string
	Session   string
	TTL       Millis
	Delay     Millis
	Wait      Millis
	Priority  int // higher is served first; then the lower ID
	Meta      string
	Anonymous bool
	WaitEnded bool // its wait has timed out; it is kept for TicketGrace
	Seq       uint64
	AttemptID AttemptID
	Attempt   string // see Acquire.Attempt; may be empty
	Principal string // see Hold
	Queued    Millis // cluster time when it was queued
	Renewed   Millis // cluster time when an acquire or the end of a wait last updated it
}

// An AttemptID identifies one attempt to acquire: a start of a node's process and a number
// in it. The newest attempt of a session owns its ticket, and the hold that the ticket is
// granted; the clean-up of an older attempt changes nothing. A hold that its session has
// acquired again or renewed belongs to no attempt: its AttemptID is zero.
type AttemptID struct {
	Boot uint64
	N    uint64
}

// orNil returns the ID, or nil if it is zero.
func (a AttemptID) orNil() *AttemptID {
	if a == (AttemptID{}) {
		return nil
	}
	return &a
}

// reclaimedBy reports whether an acquire is a copy of the one that reclaimed the hold, by
// the node's ID of the attempt or by the caller's own.
func (h *Hold) reclaimedBy(c *Acquire) bool {
	return h.Reclaimed != nil && (*h.Reclaimed == c.AttemptID || c.Attempt != "" && c.Attempt == h.Attempt)
}

// ownedBy reports whether the hold still belongs to an attempt.
func (h *Hold) ownedBy(a AttemptID) bool { return h.AttemptID == a && a != AttemptID{} }

// State is the state of a lease as a client sees it that does not hold it.
type State uint8

// The states of a lease.
const (
	StateFree State = iota + 1
	StateHeld
	StateDelayed
	StateBreaking
)

func (s State) String() string {
	return [...]string{"", "free", "held", "delayed", "breaking"}[s]
}

// State returns the lease's state: breaking if every hold is being broken, delayed if there
// is no hold and a cooldown is running.
func (l *Lease) State() State {
	switch {
	case len(l.Holds) > 0 && !slices.ContainsFunc(l.Holds, func(h *Hold) bool { return h.Break == nil }):
		return StateBreaking
	case len(l.Holds) > 0:
		return StateHeld
	case len(l.Cooldowns) > 0:
		return StateDelayed
	}
	return StateFree
}

// HoldOf returns the session's hold, or nil.
func (l *Lease) HoldOf(session string) *Hold {
	for _, h := range l.Holds {
		if h.Session == session {
			return h
		}
	}
	return nil
}

// HoldBy returns the hold with this token, or nil.
func (l *Lease) HoldBy(token uint64) *Hold {
	for _, h := range l.Holds {
		if h.Token == token {
			return h
		}
	}
	return nil
}

// Place returns the session's place in the queue, from 0, or -1.
func (l *Lease) Place(session string) int {
	return slices.IndexFunc(l.Queue, func(t *Ticket) bool { return t.Session == session })
}

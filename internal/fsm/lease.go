package fsm

import "slices"

// A Lease is a named, time-bounded right with up to Limit holders. Leases, holds
// and tickets are immutable once they stand in the machine: a change replaces
// them, so that a snapshot or a reader may keep what it was given.
type Lease struct {
	Name      string
	Limit     int
	Holds     []*Hold    // in the order of their grants
	Cooldowns []Cooldown // slots that are not available yet
	Queue     []*Ticket  // in the order in which they are served
	History   *LeaseHistory

	bytes int // that it takes in the machine, once it is stored
}

// A Hold is one session's right to a lease.
type Hold struct {
	Holder    string // public label
	Session   string // secret
	Token     uint64 // the revision at the grant
	Slot      int
	TTL       Millis
	Delay     Millis // wanted should the hold end by expiry or break
	Seq       uint64 // grows with each logged renewal: an Expire names the one it saw
	AttemptID AttemptID
	Attempt   string // the caller's own name for the attempt that has it; may be empty
	Meta      string // JSON object, or empty
	Granted   Millis // cluster time of the grant
	Renewed   Millis // cluster time of the grant or of the last logged renewal
	Break     *Breaking
	StepDown  *StepDownRequest // to step down; nil where nobody has

	// Reclaimed names the attempt that reclaimed the hold, if any: a late copy of it
	// finds what it was given. No clean-up looks at it.
	Reclaimed *AttemptID
}

// Asked says that an operator asked the holder to hand over. It takes nothing by itself.
type StepDownRequest struct {
	To     string // the label that should get it; empty where that is the holder's to choose
	By     string
	Within Millis // from At; 0 where no time was given
	At     Millis
}

// Breaking says that an operator ended a hold whose grace still runs.
type Breaking struct {
	Reason string
	By     string
	Grace  Millis // InheritGrace, or from At
	At     Millis
}

// InheritGrace lets a broken hold end when its last promise does.
const InheritGrace Millis = -1

// Cooling is a slot that becomes available only after a delay.
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
	ID        uint64 // the revision at which it was taken
	Holder    string
	Session   string
	TTL       Millis
	Delay     Millis
	Wait      Millis
	Priority  int // higher is served first; then the lower ID
	Meta      string
	Anonymous bool
	WaitEnded bool // its wait ran out; it is kept for TicketGrace
	Seq       uint64
	AttemptID AttemptID
	Attempt   string // the caller's own name for the attempt that waits; may be empty
	Queued    Millis // cluster time when it was taken
	Renewed   Millis // cluster time when it was last attached or parked
}

// Attach names one attempt to acquire: a process start and a number in it. The
// newest attempt of a session owns its ticket, and the hold that it becomes; a
// clean-up of an older one changes nothing. A hold that its session has found
// again or renewed belongs to no attempt: its Attach is zero.
type AttemptID struct {
	Boot uint64
	N    uint64
}

// named returns the attempt where it has a name, else nil.
func (a AttemptID) orNil() *AttemptID {
	if a == (AttemptID{}) {
		return nil
	}
	return &a
}

// reclaimedBy reports whether the hold is what an acquire has reclaimed: by the node's
// name for the attempt, or by the caller's own.
func (h *Hold) reclaimedBy(c *Acquire) bool {
	return h.Reclaimed != nil && (*h.Reclaimed == c.AttemptID || c.Attempt != "" && c.Attempt == h.Attempt)
}

// attachedBy reports whether the hold is still its attempt's own.
func (h *Hold) ownedBy(a AttemptID) bool { return h.AttemptID == a && a != AttemptID{} }

// State is what a lease is to those who do not hold it.
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

// State returns the lease's state: breaking where every hold is being broken,
// delayed where none is left and a delay runs.
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

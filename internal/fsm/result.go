package fsm

// A Result is the machine's answer to one command. Every node computes the same
// one; the leader's goes back to the caller.
type Result struct {
	Code     Code
	Revision uint64 // the machine's, after the command

	Hold     *Hold    // acquire, renew: the hold. transfer: the new one
	Previous Previous // granted: how the last hold ended
	Lease    *Lease   // a refusal, or queued: the lease as it stands

	Queued   bool // refused, but a ticket keeps the place
	Position int  // of the ticket, from 1

	WasHeld bool   // release: there was a hold to end
	Held    Millis // release, transfer: how long it lasted

	Holds      []Held   // several names: what is held, or was released
	QueuesLeft []string // release of a session: the queues it left
	Blocked    []*Lease // several names, refused: what stood in the way
}

// Held names one hold of a session.
type Held struct {
	Name     string
	Hold     *Hold
	Previous Previous // granted: how the last hold ended
}

// A Reply is a Result with what only the leader's clock knows.
type Reply struct {
	Result

	// Waited is from the request's arrival to the packing of the entry that
	// answered it, and ExpiresIn counts from there: a holder's own deadline is
	// the moment it sent the request + Waited + ExpiresIn.
	Waited    Millis
	ExpiresIn Millis

	Expiries    []Millis // several names: ExpiresIn of each of Holds
	AvailableIn Millis   // break: until the lease is free
	TicketIn    Millis   // parked: until the ticket ends
	Now         Millis   // cluster time, for what is left of a step-down's time
	View        *View    // a refusal: the lease as a read shows it
	Blocking    []*View  // several names, refused: what stood in the way
}

// Left returns what is left of the time that the holder was given; 0 where it is
// over, or was never bounded.
func (a *StepDownRequest) Remaining(now Millis) Millis {
	return max(0, min(a.Within, a.At+a.Within-now))
}

// A View is one lease as a read shows it.
type View struct {
	Lease    *Lease
	Revision uint64 // of the machine
	Now      Millis // cluster time, for held_ms and waiting_ms
	Holders  int    // how many there are, where Lease shows only the first
	Waiters  int

	// Only the leader knows these: Fresh is false in a stale read.
	Fresh       bool
	Clocks      []Clock // of Lease.Holds, in their order
	AvailableIn Millis  // delayed, breaking: until it is available
}

// Clock is what the leader's book says of one hold.
type Clock struct {
	FreeIn     Millis // until it would expire
	RenewedAgo Millis
}

// QueryKind names a read.
type QueryKind uint8

// The reads. They cross the wire between nodes: add at the end.
const (
	QueryLease   QueryKind = iota + 1 // one name
	QueryList                         // a page of leases, by name
	QueryHistory                      // the newest events of one name
)

// A Query asks for what the machine knows.
type Query struct {
	Kind   QueryKind
	Name   string // lease, history
	Prefix string // list
	Holder string // list: only leases that this label holds; empty for all
	After  string // list: the cursor, a name
	Limit  int    // list: 1 to MaxListed
}

// An Answer is what a Query found.
type Answer struct {
	Revision uint64
	Views    []*View  // one for QueryLease; a free lease is a view, too
	Next     string   // list: the cursor of the next page, or empty
	Events   []*Event // history, newest first
	Age      Millis   // stale reads: how old the state may be; -1 where unknown
}

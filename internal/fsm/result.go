package fsm

import "github.com/lockd/lockd/internal/access"

// A Result is the outcome of one command. Every node computes the same; the leader returns
// it to the caller.
type Result struct {
	Code     Code
	Revision uint64 // the machine's, after the command

	Hold     *Hold    // acquire, renew: the hold. transfer: the new one
	Previous Previous // granted: how the last hold ended
	Lease    *Lease   // a refusal, or queued: the current lease

	Queued   bool // refused, but the session has a ticket in the queue
	Position int  // of the ticket, from 1

	WasHeld bool   // release: there was a hold to end
	Held    Millis // release, transfer: how long it lasted

	Holds      []Held   // several names: the holds that were granted, renewed or released
	QueuesLeft []string // release of a session: leases whose queues it left
	Blocked    []*Lease // several names, refused: the leases that caused it

	Outcome access.Outcome // access-refused: why
}

// refuse returns the refusal of a command for one lease.
func refuse(code Code, l *Lease) Result { return Result{Code: code, Lease: l} }

// Held names one hold of a session.
type Held struct {
	Name     string
	Hold     *Hold
	Previous Previous // granted: how the last hold ended
}

// A Reply is a Result with times of the leader's clock.
type Reply struct {
	Result

	// Waited is the time from the arrival of the request until its entry was packed, and
	// ExpiresIn counts from there: the deadline of a holder is the time at which it sent
	// the request + Waited + ExpiresIn.
	Waited    Millis
	ExpiresIn Millis

	Expiries    []Millis // several names: ExpiresIn of each of Holds
	AvailableIn Millis   // break: until the lease is free
	TicketIn    Millis   // the wait has ended: until the ticket does
	Now         Millis   // cluster time, for StepDownRequest.Remaining
	View        *View    // a refusal: the lease as a read shows it
	Blocking    []*View  // several names, refused: the leases that caused it
}

// A View is one lease as a read shows it.
type View struct {
	Lease    *Lease
	Revision uint64 // of the machine
	Now      Millis // cluster time, for held_ms and waiting_ms
	Holders  int    // the number of holds; Lease may have fewer
	Waiters  int

	// Only the leader sets these. Fresh is false in a stale read.
	Fresh       bool
	Clocks      []Clock // of Lease.Holds, in their order
	AvailableIn Millis  // delayed, breaking: until it is available
}

// Clock is what the leader's deadlines state about one hold.
type Clock struct {
	FreeIn     Millis // until it expires
	RenewedAgo Millis // since it was renewed last
}

// QueryKind is the kind of a read.
type QueryKind uint8

// The reads. Requests between nodes contain them: add at the end, never reorder.
const (
	QueryLease   QueryKind = iota + 1 // one name
	QueryList                         // a page of leases, by name
	QueryHistory                      // the newest events of one name
)

// A Query is a read of the machine.
type Query struct {
	Kind   QueryKind
	Name   string // lease, history
	Prefix string // list
	Holder string // list: only leases with this holder name; empty for all
	After  string // list: the cursor, a name
	Limit  int    // list: 1 to MaxListed
	Caller access.Caller
}

// An Answer is the result of a Query.
type Answer struct {
	Revision uint64
	Views    []*View  // one for QueryLease, also if the lease is free
	Next     string   // list: the cursor of the next page, or empty
	Events   []*Event // history, newest first
	Age      Millis   // stale reads: how old the state may be; -1 if unknown
	Outcome  access.Outcome
}

package outcome

import (
	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/fsm/lease"
)

// A Result is the outcome of one command. Every node computes the same; the leader returns
// it to the caller.
type Result struct {
	Code     Code
	Revision uint64 // the machine's, after the command

	Hold     *lease.Hold    // acquire, renew: the hold. transfer: the new one
	Previous lease.Previous // granted: how the last hold ended
	Lease    *lease.Lease   // a refusal, or queued: the current lease

	Queued   bool // refused, but the session has a ticket in the queue
	Position int  // of the ticket, from 1

	WasHeld bool         // release: there was a hold to end
	Held    lease.Millis // release, transfer: how long it lasted

	Holds      []Held         // several names: the holds that were granted, renewed or released
	QueuesLeft []string       // release of a session: leases whose queues it left
	Blocked    []*lease.Lease // several names, refused: the leases that caused it

	Outcome access.Outcome // access-refused: why

	Object        *document.Document // of an object: the stored one, also if another one was expected
	ObjectOutcome document.Outcome   // object-refused: why
}

// Held names one hold of a session.
type Held struct {
	Name     string
	Hold     *lease.Hold
	Previous lease.Previous // granted: how the last hold ended
}

// A Reply is a Result with times of the leader's clock.
type Reply struct {
	Result

	// Waited is the time from the arrival of the request until its entry was packed, and
	// ExpiresIn counts from there: the deadline of a holder is the time at which it sent
	// the request + Waited + ExpiresIn.
	Waited    lease.Millis
	ExpiresIn lease.Millis

	Expiries    []lease.Millis // several names: ExpiresIn of each of Holds
	AvailableIn lease.Millis   // break: until the lease is free
	TicketIn    lease.Millis   // the wait has ended: until the ticket does
	Now         lease.Millis   // cluster time, for StepDownRequest.Remaining
	View        *View          // a refusal: the lease as a read shows it
	Blocking    []*View        // several names, refused: the leases that caused it
}

// A View is one lease as a read shows it.
type View struct {
	Lease    *lease.Lease
	Revision uint64       // of the machine
	Now      lease.Millis // cluster time, for held_ms and waiting_ms
	Holders  int          // the number of holds; Lease may have fewer
	Waiters  int

	// Only the leader sets these. Fresh is false in a stale read.
	Fresh       bool
	Clocks      []Clock      // of Lease.Holds, in their order
	AvailableIn lease.Millis // delayed, breaking: until it is available
}

// Clock is what the leader's deadlines state about one hold.
type Clock struct {
	FreeIn     lease.Millis // until it expires
	RenewedAgo lease.Millis // since it was granted or renewed last; -1: unknown
}

// QueryKind is the kind of a read.
type QueryKind uint8

// The reads. Requests between nodes contain them: add at the end, never reorder.
const (
	QueryLease   QueryKind = iota + 1 // one name
	QueryList                         // a page of leases, by name
	QueryHistory                      // the newest events of one name
	QueryObject                       // one object of the Kubernetes API
	QueryExplain                      // one name, its events, and what a session has of it
)

// A Query is a read of the machine.
type Query struct {
	Kind QueryKind
	Name string // lease, history, explain
	lease.Selection
	After  string // list: the cursor, a name
	Limit  int    // list: 1 to MaxListed
	Caller access.Caller

	Object  document.Key // object
	Session string       // explain; empty if none is meant
}

// Own is what an explanation states about the session of its query.
type Own struct {
	Token    uint64 // of its hold; 0: it has none
	Position int    // in the queue, from 1; 0: it does not wait
	Last     uint64 // the token of its last hold, if that is being broken or was the last hold of the lease to end; 0: it was not
	Ended    uint64 // the revision at which it last stopped holding the lease or waiting for it; 0: unknown
}

// An Answer is the result of a Query.
type Answer struct {
	Revision uint64
	Views    []*View            // one for QueryLease and QueryExplain, also if the lease is free
	Next     string             // list: the cursor of the next page, or empty
	Events   []*lease.Event     // history and explain, newest first
	Own      Own                // explain
	Object   *document.Document // nil if there is none
	Age      lease.Millis       // stale reads: how old the state may be; -1 if unknown
	Outcome  access.Outcome
}

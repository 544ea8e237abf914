// Package linear checks histories of clients of lockd. A History holds requests, responses, their times, and the
// events of watches. Check checks it against the guarantees of lockd in four independent ways.
//
// A history must meet these conditions: each holder label belongs to one session, and each session uses one name; the
// names were free when the streams started, and all acquires of a name have the same limit. The model does not check
// names with a limit above 2, and holds are broken only if the limit is 1. Delays, transfers and reclaims are not
// supported.
package linear

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// A History is the record of one run. All times are on one clock of the test, which no node and no client reads.
type History struct {
	Ops []Op
	// Events are what watches of the whole run delivered, one slice for each node or stream, in the order of
	// delivery.
	Events []Stream
	// Terms are the observed changes of leader, for the bound on lateness.
	Terms []TermChange
	// Rho is the largest drift of the clock of a node or a client against the clock of the test, as a share. The
	// guarantee allows a drift of 0.001 between clients and leaders.
	Rho float64
}

// Kind is the kind of an operation.
type Kind string

// Kinds of operations.
const (
	Acquire Kind = "acquire"
	Renew   Kind = "renew"
	Release Kind = "release"
	Break   Kind = "break"
	Read    Kind = "read"
)

// Outcome is the outcome of an operation.
type Outcome string

// Outcomes. After Unknown the operation may have taken effect; after Failed it has not.
const (
	Done    Outcome = "done"    // 2xx
	Refused Outcome = "refused" // 409: Code is the reason
	Failed  Outcome = "failed"  // 4xx, 429, 503: not applied
	Unknown Outcome = "unknown" // 504, or no response
)

// An Op is one operation of one client: all attempts with the same session, from the first request to the last
// response.
type Op struct {
	Client  string // the client that recorded it; a client has one open operation at a time
	Kind    Kind
	Name    string
	Session string // acquire, renew, release
	Holder  string
	Limit   int
	TTL     fsm.Millis // acquire
	Wait    fsm.Millis // acquire
	Token   uint64     // renew, release, break: the expected token; 0: any
	Grace   fsm.Millis // break

	Sent     time.Duration // when the first attempt was sent
	Last     time.Duration // when the attempt was sent that got the response: promises count from it
	Back     time.Duration // when the response arrived; if Unknown, when the client gave up
	Sendings int
	Result   Outcome

	// Stray reports that an attempt got no response. It may still take effect at any later time, in addition to the
	// attempt that got one.
	Stray bool

	// The response, if Done or Refused.
	Code      string // refused: the problem type, "held", "not-holder" …
	Created   bool   // acquire: 201
	Got       uint64 // acquire, renew: the token
	Slot      int
	Waited    fsm.Millis
	ExpiresIn fsm.Millis
	Revision  uint64 // revision of the response; refused: of the lease that is shown
	Queued    bool   // refused: the ticket stays in the queue
	WasHeld   bool   // release
	State     string
	Holders   []Holder // read and refused: the holders that are shown
	Queue     int      // the queue length that is shown
	Node      string   // the node that responded
}

// A Holder is one hold, as a read shows it.
type Holder struct {
	Holder string
	Token  uint64
}

// An Event is one event of a watch.
type Event struct {
	Revision uint64
	Type     string
	Name     string
	Holder   string
	Token    uint64
	Cause    string
	Seen     time.Duration // when it was delivered
}

// A Stream is what one watch delivered, over all its connections.
type Stream struct {
	Node    string // node of the first connection
	Prefix  string // prefix of the watched names
	From    uint64 // revision after which it starts; the names of the run were free then
	To      uint64 // last revision that it is known to cover
	Events  []Event
	Resumed int  // how often it was cut and resumed
	Gone    bool // it ended because the events after To had been deleted
}

// A TermChange is a failover: from when the old leader was last seen ready to when the next one was first seen ready.
// A leader that was stopped and continues also moves its deadlines, which counts as one.
type TermChange struct {
	From, To time.Duration
}

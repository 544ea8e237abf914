// Package linear decides whether what clients of lockd saw can be true. A
// History is what they asked, what they were told and when; Check holds it
// against the promise in four independent ways.
//
// What a history may hold: each holder's label is of one session, and each
// session wants one name; the names were free when the streams began, and all
// acquires of a name ask for one limit. Names with a limit above 2 are judged by
// all checkers but the model, and holds are broken only where the limit is 1.
// Delays, transfers and reclaims are not known here.
package linear

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// A History is everything that one run recorded. All times are on one clock of
// the test, which no node and no client reads.
type History struct {
	Ops []Op
	// Events are what watches of the whole run delivered, one slice a node or a
	// stream, in the order of delivery.
	Events []Stream
	// Terms are the changes of leader that were seen, for the bound on lateness.
	Terms []TermChange
	// Rho is by how much, at most, the clock of a node or of a client runs fast or
	// slow against the test's, as a share. The promise allows clients and leaders to
	// differ from one another by 0.001.
	Rho float64
}

// Kind is what an operation asks for.
type Kind string

// The kinds of operations.
const (
	Acquire Kind = "acquire"
	Renew   Kind = "renew"
	Release Kind = "release"
	Break   Kind = "break"
	Read    Kind = "read"
)

// Outcome is what became of an operation.
type Outcome string

// The outcomes. Unknown is the only one that leaves open whether the operation
// took effect; Failed says that it surely did not.
const (
	Done    Outcome = "done"    // 2xx
	Refused Outcome = "refused" // 409: Code says why
	Failed  Outcome = "failed"  // 4xx, 429, 503: nothing was applied
	Unknown Outcome = "unknown" // 504, or no answer
)

// An Op is one operation of one client: a call and all its retries with the same
// session, from the first sending to the last answer.
type Op struct {
	Client  string // who recorded it; one client has one operation open at a time
	Kind    Kind
	Name    string
	Session string // acquire, renew, release
	Holder  string
	Limit   int
	TTL     fsm.Millis // acquire
	Wait    fsm.Millis // acquire
	Token   uint64     // renew, release, break: the condition; 0: none
	Grace   fsm.Millis // break

	Sent     time.Duration // the first sending
	Last     time.Duration // the sending that was answered: promises count from it
	Back     time.Duration // the answer's arrival; where Unknown, when the client gave up
	Sendings int
	Result   Outcome

	// Stray says that a sending got no answer: it may take effect at any time
	// after, once more or for the first time, whatever was answered to another one.
	Stray bool

	// What a Done or Refused was told.
	Code      string // refused: the problem's type, "held", "not-holder" …
	Created   bool   // acquire: 201
	Got       uint64 // acquire, renew: the token
	Slot      int
	Waited    fsm.Millis
	ExpiresIn fsm.Millis
	Revision  uint64 // as of which the answer is true; refused: that of the lease shown
	Queued    bool   // refused: a ticket keeps the place
	WasHeld   bool   // release
	State     string
	Holders   []Holder // read; and refused, as the problem shows the lease
	Queue     int      // how many waited, as shown
	Node      string   // who answered
}

// A Holder is one hold as a read shows it.
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

// A Stream is what one watch delivered, over all its reconnections.
type Stream struct {
	Node    string // where it was first attached
	Prefix  string // of the names that it asked for
	From    uint64 // the revision after which it began; the run's names were free then
	To      uint64 // the last revision that it is known to have covered
	Events  []Event
	Resumed int  // how often it was cut and went on
	Gone    bool // it ended because the events after To were no longer kept
}

// A TermChange is a failover: from when the old leader was last seen to serve to
// when the next one was first seen to. A leader that was stopped and goes on
// moves its deadlines, and is one too.
type TermChange struct {
	From, To time.Duration
}

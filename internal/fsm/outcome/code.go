package outcome

import "fmt"

// Code is the outcome of a command. A refusal is an outcome, not an error: the command was
// committed and applied.
type Code uint8

// The codes. Replies between nodes contain them: add at the end, never reorder.
const (
	CodeOK            Code = iota + 1 // applied; for an acquire: this session held the lease already
	CodeGranted                       // a new hold
	CodeQueued                        // the session waits in the queue
	CodeHeld                          // another session holds the lease
	CodeDelayed                       // not granted for now: a delay or a quarantine is running
	CodeLimitMismatch                 // the lease is in use with another limit
	CodeSessionInUse                  // the session is in use with another holder name
	CodeNotHolder                     // the session does not hold the lease
	CodeBroken                        // an operator broke the hold
	CodeStaleToken                    // the token is not the current one
	CodeNoCandidate                   // no waiter with that holder name
	CodeQueueFull                     // the queue has MaxQueue waiters
	CodeTooManyLeases                 // MaxLeases or MaxSessionLeases reached
	CodeOutdated                      // sent before the session last stopped holding or waiting: see Acquire.Sent
	CodeStateFull                     // the state has reached its budget of bytes
	CodeWithdrawn                     // the attempt was withdrawn by a Release
	CodeAccessRefused                 // see Result.Outcome
	CodeQuota                         // a quota of the lease's scope is reached
	CodeObjectRefused                 // see Result.ObjectOutcome
	CodeEnd                           // after the last
)

var codeNames = [...]string{
	CodeOK:            "ok",
	CodeGranted:       "granted",
	CodeQueued:        "queued",
	CodeHeld:          "held",
	CodeDelayed:       "delayed",
	CodeLimitMismatch: "limit-mismatch",
	CodeSessionInUse:  "session-in-use",
	CodeNotHolder:     "not-holder",
	CodeBroken:        "broken",
	CodeStaleToken:    "stale-token",
	CodeNoCandidate:   "no-such-candidate",
	CodeQueueFull:     "queue-full",
	CodeTooManyLeases: "too-many-leases",
	CodeOutdated:      "outdated",
	CodeStateFull:     "state-full",
	CodeWithdrawn:     "withdrawn",
	CodeAccessRefused: "access-refused",
	CodeQuota:         "quota",
	CodeObjectRefused: "object-refused",
}

// Codes returns every code, in order.
func Codes() []Code {
	var all []Code
	for c := CodeOK; c < CodeEnd; c++ {
		all = append(all, c)
	}
	return all
}

// OK reports whether the command was not refused or queued.
func (c Code) OK() bool { return c == CodeOK || c == CodeGranted }

func (c Code) String() string {
	if c >= CodeOK && c < CodeEnd {
		return codeNames[c]
	}
	return fmt.Sprintf("code(%d)", uint8(c))
}

package fsm

import "fmt"

// Code says how the machine answered a command. A refusal is an answer, not an
// error: the command was committed, and this is what came of it.
type Code uint8

// The closed list of codes. They are written in results that cross the wire
// between nodes: add at the end, never reorder.
const (
	CodeOK            Code = iota + 1 // done; for an acquire: this session held it already
	CodeGranted                       // a new hold
	CodeQueued                        // waits in the queue
	CodeHeld                          // somebody else holds it
	CodeDelayed                       // granted to nobody for now: a delay or a quarantine runs
	CodeLimitMismatch                 // another limit is in force
	CodeSessionInUse                  // the session stands under another holder's label
	CodeNotHolder                     // the session does not hold it
	CodeBroken                        // an operator broke the hold
	CodeStaleToken                    // the token is not the current one
	CodeNoCandidate                   // nobody of that label waits
	CodeQueueFull                     // MaxQueue wait already
	CodeTooManyLeases                 // MaxLeases or MaxSessionLeases reached
	CodeOutdated                      // sent before the session last left the name: see Acquire.Sent
	CodeStateFull                     // the state has reached its budget of bytes
	CodeWithdrawn                     // the attempt was withdrawn by a Release
	codeEnd
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
}

// Codes returns every code, in order.
func Codes() []Code {
	var all []Code
	for c := CodeOK; c < codeEnd; c++ {
		all = append(all, c)
	}
	return all
}

// OK reports whether the command did what it asked for.
func (c Code) OK() bool { return c == CodeOK || c == CodeGranted }

func (c Code) String() string {
	if c >= CodeOK && c < codeEnd {
		return codeNames[c]
	}
	return fmt.Sprintf("code(%d)", uint8(c))
}

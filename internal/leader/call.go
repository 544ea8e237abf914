package leader

import (
	"errors"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// RetryPause is the longest pause before an attempt is made again.
const RetryPause = 20 * time.Millisecond

// A Call is one command at the node that received it, from its arrival to its answer: it
// decides what each attempt sends to the leader and what its outcome means. Attempts are
// made one after the other. It is not safe for concurrent use.
type Call struct {
	caller  *Caller
	command fsm.Command
	bounded bool // it is counted by the caller
	arrival time.Duration
	passed  time.Duration // from the arrival to the last attempt
	sent    uint64        // the revision that the node knew then; see fsm.Acquire
	unknown bool          // the outcome of an earlier attempt is unknown
}

// Attempt returns what is sent to the leader now: an acquire states when it was sent, and
// waits no longer than is left of its wait.
func (k *Call) Attempt(now time.Duration) fsm.Command {
	k.passed = now - k.arrival
	if c, ok := k.command.(fsm.Acquiring); ok {
		return c.Sending(Millis(k.passed), k.sent)
	}
	return k.command
}

// A Verdict is what the outcome of an attempt means.
type Verdict struct {
	Retry   Retry
	Reply   fsm.Reply // if there is no retry: the answer
	Err     error
	CleanUp []*fsm.CancelAcquire // what lost attempts were or will be granted goes back
}

// Retry is whether and when another attempt is made.
type Retry int

// When another attempt is made.
const (
	NoRetry    Retry = iota // the caller is answered
	RetryNow                // at once
	RetryLater              // after RetryPause, or as soon as another leader is known
)

// Outcome judges the last attempt. It makes another one if nothing was applied, and, if
// that is unknown, only of a command that may be repeated. Over is whether the time of
// the caller is over.
func (k *Call) Outcome(reply fsm.Reply, err error, over bool) Verdict {
	if err != nil {
		k.Lost(err)
		if over || errors.Is(err, fsm.ErrOverloaded) || k.unknown && !k.command.Traits().Idempotent {
			return Verdict{Err: k.GiveUp(err)}
		}
		return Verdict{Retry: RetryLater}
	}
	k.caller.saw(reply.Revision)
	if reply.Code == fsm.CodeOutdated && (!k.unknown || k.command.Traits().Reclaims) && !over {
		// This node did not know the newest revision when it sent the acquire.
		k.sent = reply.Revision
		return Verdict{Retry: RetryNow}
	}
	// The leader counted from the last attempt, the caller counts from the first.
	reply.Waited += Waited(k.passed)
	if k.isOpen(reply) {
		return Verdict{Err: fsm.ErrUnknown, CleanUp: k.CleanUps()}
	}
	return Verdict{Reply: reply}
}

// Lost records the error of an attempt, which may have been applied.
func (k *Call) Lost(err error) { k.unknown = k.unknown || errors.Is(err, fsm.ErrUnknown) }

// Unknown reports whether the outcome of an attempt is unknown.
func (k *Call) Unknown() bool { return k.unknown }

// GiveUp returns the error of a call that makes no further attempt after one failed.
func (k *Call) GiveUp(err error) error {
	if k.unknown {
		return fsm.ErrUnknown
	}
	return Definite(err)
}

// End ends a call: the caller has its answer, or is gone.
func (k *Call) End() {
	if k.bounded {
		k.bounded = false
		k.caller.acquiring.Add(-1)
	}
}

// Definite returns the error of a call that applied nothing as one of fsm's definite ones.
func Definite(err error) error {
	switch {
	case err == nil, errors.Is(err, fsm.ErrOverloaded), errors.Is(err, fsm.ErrNotReady):
		return err
	}
	return fsm.ErrNoLeader
}

// isOpen reports whether the outcome of the command is unknown although its last attempt
// was refused: an earlier attempt was lost between nodes, and it may have been applied,
// or may yet be. The refusal then does not mean that nothing was applied, unless it is final.
// An acquire whose caller has a ticket is refused only for now. One that was withdrawn
// has left nothing, whatever an earlier attempt did.
func (k *Call) isOpen(last fsm.Reply) bool {
	lost := k.unknown || last.Code == fsm.CodeOutdated
	return lost && !k.command.Traits().FinalRefusal && !last.Code.OK() && last.Code != fsm.CodeWithdrawn && !last.Queued
}

// CleanUps returns the clean-ups of what the command was or will be granted, for a client
// that is gone.
func (k *Call) CleanUps() []*fsm.CancelAcquire {
	if c, ok := k.command.(fsm.Acquiring); ok {
		return c.Cancels()
	}
	return nil
}

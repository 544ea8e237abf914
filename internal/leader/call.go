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
	switch c := k.command.(type) {
	case *fsm.Acquire:
		r := *c
		r.Wait, r.Sent = max(0, r.Wait-Millis(k.passed)), k.sent
		return &r
	case *fsm.AcquireAll:
		r := *c
		r.Sent = k.sent
		return &r
	}
	return k.command
}

// A Verdict is what the outcome of an attempt means.
type Verdict struct {
	Retry   Retry
	Reply   fsm.Reply // if there is no retry: the answer
	Err     error
	CleanUp []*fsm.Leave // what lost attempts were or will be granted goes back
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
		if over || errors.Is(err, fsm.ErrOverloaded) || k.unknown && !isIdempotent(k.command) {
			return Verdict{Err: k.GiveUp(err)}
		}
		return Verdict{Retry: RetryLater}
	}
	k.caller.saw(reply.Revision)
	if reply.Code == fsm.CodeOutdated && (!k.unknown || reclaims(k.command)) && !over {
		// This node did not know the newest revision when it sent the acquire.
		k.sent = reply.Revision
		return Verdict{Retry: RetryNow}
	}
	// The leader counted from the last attempt, the caller counts from the first.
	reply.Waited += Waited(k.passed)
	if k.isOpen(reply) {
		return Verdict{Err: fsm.ErrUnknown, CleanUp: cleanUpsOf(k.command)}
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
// or may yet be. The refusal then does not mean that nothing was applied. A renewal is
// the exception: if it is refused, the hold has ended, whatever an earlier attempt did.
// An acquire whose caller has a ticket is refused only for now. One that was withdrawn
// has left nothing, whatever an earlier attempt did.
func (k *Call) isOpen(last fsm.Reply) bool {
	switch k.command.(type) {
	case *fsm.Renew, *fsm.RenewSession:
		return false
	}
	lost := k.unknown || last.Code == fsm.CodeOutdated
	return lost && !last.Code.OK() && last.Code != fsm.CodeWithdrawn && !last.Queued
}

// cleanUpsOf returns the clean-ups of what a command was or will be granted.
func cleanUpsOf(c fsm.Command) []*fsm.Leave {
	switch c := c.(type) {
	case *fsm.Acquire:
		return []*fsm.Leave{c.Leave()}
	case *fsm.AcquireAll:
		return c.Leaves()
	}
	return nil
}

// CleanUps returns the clean-ups of a call whose client is gone.
func (k *Call) CleanUps() []*fsm.Leave { return cleanUpsOf(k.command) }

// isIdempotent reports whether a command that may have been applied can be sent again:
// its session, token or attempt lets the second one find the first.
func isIdempotent(c fsm.Command) bool {
	switch c := c.(type) {
	case *fsm.Release:
		return c.Token != 0 || c.Attempt != ""
	case *fsm.ReleaseSession:
		return len(c.Only) > 0
	case *fsm.Transfer:
		return c.Token != 0
	}
	return true
}

func reclaims(c fsm.Command) bool {
	a, ok := c.(*fsm.Acquire)
	return ok && a.Reclaim
}

package leader

import (
	"sync/atomic"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// A Caller is what a node knows of the calls that it makes for its clients: it names
// their attempts, bounds them, and knows the newest revision. It is safe for concurrent
// use.
type Caller struct {
	boot      uint64
	attempt   atomic.Uint64 // the newest one
	revision  atomic.Uint64 // the newest one in an answer
	acquiring atomic.Int64  // acquires without a wait that are not answered
}

// NewCaller returns a caller for a process; boot is a number that no other process has.
func NewCaller(boot uint64) *Caller { return &Caller{boot: boot} }

// maxAcquiring bounds how many acquires that do not wait a node has taken on and not yet
// answered. More than that is a flood: what is beyond the bound is refused at once,
// before it costs the leader anything, so that the processors are left to those who hold
// a lease and renew it. Acquires that wait have a bound of their own, at the leader: once
// they are in the queue, they cost next to nothing.
const maxAcquiring = 1_024

// Call begins a call at a time, at a node that has applied everything up to a revision.
// It returns false if the node has taken on too many; else End must be called.
func (c *Caller) Call(command fsm.Command, now time.Duration, applied uint64) (*Call, bool) {
	k := &Call{
		caller: c, command: command, arrival: now, bounded: isShortAcquire(command),
		// An acquire that states revision 0 does not say when it was sent, and a node that
		// has just started knows of no revision.
		sent: max(1, applied, c.revision.Load()),
	}
	if k.bounded && c.acquiring.Add(1) > maxAcquiring {
		c.acquiring.Add(-1)
		return nil, false
	}
	if acquire, ok := command.(fsm.Acquiring); ok {
		acquire.AssignAttempts(c.Attempts)
	}
	return k, true
}

// Attempts returns the first of so many attempts that are new.
func (c *Caller) Attempts(count int) fsm.AttemptID {
	return fsm.AttemptID{Boot: c.boot, N: c.attempt.Add(uint64(count)) - uint64(count) + 1}
}

// saw records the revision of an answer.
func (c *Caller) saw(revision uint64) {
	for known := c.revision.Load(); revision > known; known = c.revision.Load() {
		if c.revision.CompareAndSwap(known, revision) {
			return
		}
	}
}

// shortWait is the least wait of an acquire that counts as one that waits. A shorter wait
// costs the leader more than none: an entry, and soon another one.
const shortWait fsm.Millis = 1_000

// isShortAcquire reports whether c is an acquire without a wait, or with a short one.
func isShortAcquire(c fsm.Command) bool {
	traits := c.Traits()
	return traits.Lane == fsm.LaneAcquire && traits.Wait < shortWait
}

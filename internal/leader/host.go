package leader

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// A Host is what a term runs on: a node with Raft and timers, or a simulated node. The
// term holds no lock of its own while it calls its host.
type Host interface {
	// Now returns the time on the node's monotonic clock.
	Now() time.Duration
	// Wall returns the wall clock in Unix milliseconds. It is for display only.
	Wall() int64

	// View calls f with the replica, under the lock under which entries are applied.
	View(f func(r *Replica))
	// Propose hands an entry to Raft and calls done once with its outcome. The error is
	// fsm.ErrNoLeader if the entry was certainly not applied, else fsm.ErrUnknown. If the
	// term has ended, done is called LastAnswers later at the latest.
	Propose(entry []byte, done func(*fsm.Applied, error))
	// CommitIndex returns the newest index that Raft knows to be committed.
	CommitIndex() uint64
	// Leads reports whether this node leads in a term, as far as its Raft knows.
	Leads(term uint64) bool
	// Voters returns the IDs of the voters in the newest configuration.
	Voters() []string
	// Heartbeat asks Raft to send heartbeats now. Term.Acked reports that one was answered.
	Heartbeat()

	// Wake runs a task soon, in addition to when it is due.
	Wake(task Task)
	// Go runs f soon, apart from all tasks: it takes long.
	Go(f func())

	// Renewed reports a renewal, and how much of the TTL was left, from 0 to 1.
	Renewed(token uint64, margin float64)
	// Report reports a failure that no caller receives.
	Report(err error)
}

// LastAnswers is how long a term that has ended waits for the outcome of entries that
// are on their way.
const LastAnswers = 250 * time.Millisecond

// A Task is a part of a term that its host runs when it is due: once when the term
// begins, then when Run's result or Wake says, and never twice at the same time.
type Task int

// The tasks of a term.
const (
	Pack     Task = iota // pack the proposals that wait into an entry
	Confirm              // confirm the term with a quorum, and answer what waits for that
	Expire               // propose the ends of what has run out
	EndWaits             // end the waits that have run out
	Stamp                // write a stamp if nothing else does

	Tasks = 5 // how many there are
)

const (
	// Idle is when a task is due that has nothing to do before it is woken.
	Idle time.Duration = 1<<63 - 1
	// AtOnce is when a task is due that has more to do. Other work may come first.
	AtOnce time.Duration = 0
)

// Run runs a task and returns when it is due again.
func (t *Term) Run(task Task) (due time.Duration) {
	switch task {
	case Pack:
		return t.packer.run()
	case Confirm:
		return t.confirmer.run()
	case Expire:
		return t.expire()
	case EndWaits:
		return t.waiters.run()
	case Stamp:
		return t.stamp()
	}
	return Idle
}

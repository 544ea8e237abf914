package leader

import (
	"sync/atomic"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// Config is what a term begins with.
type Config struct {
	Host       Host
	Number     uint64        // Raft's term
	Self       string        // this node's ID, a voter
	Rounds     *Rounds       // of the node
	StampPause time.Duration // how old the last stamp gets: StampPause, or less in a test
}

// A Term is one period of leadership. It is safe for concurrent use: each of its parts
// has a lock of its own, and what is read with the machine is guarded by the host's.
// No lock is held while a caller is answered.
type Term struct {
	host       Host
	number     uint64
	stampPause time.Duration

	// The lock of Host.View guards these three.
	state    *termState
	expiring decisions
	stamping bool // a stamp is on its way into the log

	packer    packer
	confirmer confirmer
	waiters   waiters
	changes   changes

	guard  atomic.Pointer[guard]
	closed atomic.Bool
}

// Begin begins a term. The replica has everything up to the leader's own Barrier, and
// the caller holds the lock of Host.View: nothing may be applied between Begin and the
// first Applied.
func Begin(cfg Config, r *Replica) *Term {
	t := &Term{host: cfg.Host, number: cfg.Number, stampPause: cfg.StampPause}
	t.state = newState(r.Machine, t.host.Now(), r.Stamped)
	t.state.renewed = t.host.Renewed
	t.packer.t, t.packer.lanes = t, newLanes()
	t.confirmer = confirmer{t: t, rounds: cfg.Rounds, self: cfg.Self, reached: r.Index}
	t.waiters = waiters{t: t, table: newWaitTable()}
	t.packer.version.Store(max(1, r.Machine.Version()))
	t.adopt(r.Machine)
	return t
}

// Number returns the number of Raft's term.
func (t *Term) Number() uint64 { return t.number }

// Serves reports whether this term is current: it was not closed, and Raft knows of no
// other leader.
func (t *Term) Serves() bool { return !t.closed.Load() && t.host.Leads(t.number) }

// Applied updates the term by an entry that the machine has applied, and returns how late each expiry in it was. The
// replica calls it in the order of the log, under the lock of Host.View.
func (t *Term) Applied(m *fsm.Machine, out *fsm.Applied) (late []time.Duration) {
	if out.Access {
		t.adopt(m)
	}
	return t.state.applied(t.host.Now(), out)
}

// Deliver answers the waits that an entry has ended. The replica calls it in the order
// of the log, after Applied and outside of the lock.
func (t *Term) Deliver(stamp fsm.Millis, out *fsm.Applied) {
	t.waiters.granted(stamp, out.Grants)
	t.waiters.departed(out.Departures)
}

// Reached records that this replica has applied everything up to an index. It may be
// called under the lock of Host.View.
func (t *Term) Reached(index uint64) { t.confirmer.applied(index) }

// Acked is called after Rounds.Answered has returned true.
func (t *Term) Acked() { t.confirmer.acked() }

// Close ends the term and answers what waits. The host has stopped running tasks, and
// Leads returns false. The waits of acquires that are on their way into the log are
// answered with the last of their entries.
func (t *Term) Close() {
	t.closed.Store(true)
	t.confirmer.close()
	if t.packer.close() {
		t.waiters.close()
	}
}

// Pending returns how many waits, entries, checks and expiries have no outcome yet.
func (t *Term) Pending() int {
	count := t.packer.pending() + t.confirmer.pending() + t.waiters.pending() + t.changes.pending()
	t.host.View(func(*Replica) { count += t.expiring.open })
	return count
}

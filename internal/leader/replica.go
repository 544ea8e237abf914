package leader

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// A Replica is one node's copy of the machine. It is not safe for concurrent use.
type Replica struct {
	Machine *fsm.Machine
	Index   uint64        // the last log index whose effect is in Machine
	Stamped time.Duration // when the last stamp was applied here, on this node's clock
}

// NewReplica returns a replica of an empty log, on a node whose clock begins now.
func NewReplica() *Replica { return &Replica{Machine: fsm.New()} }

// Apply applies an entry that Raft committed at an index and a term. It returns nil if
// the entry was packed in another term: a leader packed it in one term and its Raft
// appended it in a later one, so its decisions and its stamp are out of date. On every
// node such an entry has no effect.
func (r *Replica) Apply(now time.Duration, index, term uint64, e *fsm.Entry) (out *fsm.Applied) {
	if e.Term == term {
		out = r.Machine.Apply(term, e)
		r.Stamped = now
	}
	r.Reached(index)
	return out
}

// Reached records that everything up to an index is applied: an entry of Raft's own has
// no effect on the machine.
func (r *Replica) Reached(index uint64) { r.Index = max(r.Index, index) }

// Restore replaces the machine by that of a snapshot. The cluster's clock goes on from
// the snapshot's last stamp.
func (r *Replica) Restore(now time.Duration, m *fsm.Machine) { r.Machine, r.Stamped = m, now }

// ClusterNow returns the cluster's time as far as this node can know it: the last stamp,
// and what its own clock has counted since. It is for display only.
func (r *Replica) ClusterNow(now time.Duration) fsm.Millis {
	return r.Machine.Now() + Millis(now-r.Stamped)
}

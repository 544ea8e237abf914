package sim

import (
	"bytes"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// A node is one lockd process, or the disk of a stopped one.
type node struct {
	w  *world
	id int

	boot     int    // number of this process; 0 before the first
	reads    uint64 // the newest version that its lockd reads
	up       bool
	paused   bool
	pending  []func()      // events that wait until a paused process resumes
	rate     float64       // rate of its clock
	origin   time.Duration // true time of the start of the process
	pausedAt time.Duration // true time
	down     int           // number of faults that keep it down
	stops    int           // number of faults that keep it paused
	hangs    int           // number of faults that make its disk hang
	mute     bool          // its disk has been hanging for so long that it has stopped acting as leader

	disk // survives a crash

	// The replica.
	replica  *leader.Replica
	attached *host // the term that receives applied entries

	raft // the volatile state of Raft

	rounds  *leader.Rounds
	serving *host // the gate
	calls   []*call
	caller  *leader.Caller
}

// A disk is the persistent state of a process.
type disk struct {
	term  uint64
	vote  vote
	log   []*record // entry i is at i-1
	snap  *fsm.Snapshot
	upTo  uint64 // index of the last entry in snap
	image []byte // an installed snapshot, until snap is taken again
}

// A record is one entry of the Raft log. Without an entry it is a no-op or a Barrier.
type record struct {
	term  uint64
	entry *fsm.Entry
}

func newNode(w *world, id int) *node {
	n := &node{w: w, id: id, reads: fsm.EntryVersion}
	if w.old {
		n.reads = fsm.EntryVersion - 1
	}
	n.start()
	return n
}

// start starts a process with the data on the disk.
func (n *node) start() {
	if n.boot++; n.boot > 1 && n.w.old && n.w.chance(0.5) {
		n.reads = fsm.EntryVersion // the process is upgraded
	}
	n.up, n.paused, n.pending, n.mute = true, false, nil, false
	n.rate, n.origin = n.w.drift(), n.w.now
	n.raft = raft{role: following, leader: -1}
	n.rounds, n.serving, n.attached, n.calls = leader.NewRounds(), nil, nil, nil
	n.caller = leader.NewCaller(uint64(n.boot)<<8 | uint64(n.id))
	n.replica = leader.NewReplica()
	n.restore()
}

// restore restores the replica from the snapshot on the disk, if there is one.
func (n *node) restore() {
	n.commit = 0
	image := n.image
	if n.snap != nil {
		image = n.written(n.snap)
	}
	if image == nil {
		return
	}
	m, err := fsm.Restore(bytes.NewReader(image))
	if err != nil {
		n.w.breaks("restore a snapshot: %v", err)
		return
	}
	n.replica.Restore(n.local(), m)
	n.replica.Reached(n.upTo)
	n.commit = n.upTo
}

// written returns the bytes of a snapshot, after the check that none is of a secret.
func (n *node) written(s *fsm.Snapshot) []byte {
	var b bytes.Buffer
	if err := s.Write(&b); err != nil {
		panic(err) // a write to a buffer does not fail
	}
	n.w.truth.stored(s, b.Bytes())
	return b.Bytes()
}

// crash ends the process. Everything that is not on its disk is lost.
func (n *node) crash() {
	n.boot++
	n.up, n.serving, n.attached = false, nil, nil
	n.role = following
	n.w.lookForLeader()
}

// local returns the monotonic clock of the process.
func (n *node) local() time.Duration { return n.localAt(n.w.now) }

func (n *node) localAt(t time.Duration) time.Duration {
	return time.Duration(float64(t-n.origin) * n.rate)
}

// after schedules an event of this process, by its own clock.
func (n *node) after(d time.Duration, do func()) {
	boot := n.boot
	n.w.after(time.Duration(float64(d)/n.rate), func() { n.run(boot, do) })
}

// soon schedules f after a scheduling delay, which is sometimes long.
func (n *node) soon(do func()) {
	d := n.w.between(0, 200*time.Microsecond)
	if n.w.chance(0.02) {
		d = n.w.between(0, 20*time.Millisecond)
	}
	n.after(d, do)
}

// run runs a function when the process is not paused, unless the process has restarted.
func (n *node) run(boot int, do func()) {
	switch {
	case n.boot != boot || !n.up:
	case n.paused:
		n.pending = append(n.pending, func() { n.run(boot, do) })
	default:
		do()
	}
}

func (n *node) pause() {
	n.paused, n.pausedAt = true, n.w.now
	n.w.lookForLeader()
}

// resume resumes a paused process. Its pending events run in random order.
func (n *node) resume() {
	if n.attached != nil {
		n.w.shifted(n.pausedAt, n.w.now)
	}
	n.paused = false
	pending := n.pending
	n.pending = nil
	for _, do := range pending {
		n.w.after(n.w.between(0, 5*time.Millisecond), do)
	}
	n.w.lookForLeader()
}

// snapshotEvery is the number of entries between two snapshots.
const snapshotEvery = 64

// apply applies the committed entries.
func (n *node) apply() {
	for n.replica.Index < n.commit {
		index := n.replica.Index + 1
		r := n.log[index-1]
		out := n.applyRecord(index, r)
		if index%snapshotEvery == uint64(n.id) {
			n.snap, n.upTo, n.image = n.replica.Machine.Snapshot(), index, nil
		}
		if h := n.attached; h != nil && out != nil {
			h.term.Deliver(r.entry.Stamp, out)
		}
		n.settle(index, r, out)
	}
}

// applyRecord applies one record. It returns nil if the record has no effect.
func (n *node) applyRecord(index uint64, r *record) (out *fsm.Applied) {
	if r.entry == nil {
		n.replica.Reached(index)
	} else {
		out = n.replica.Apply(n.local(), index, r.term, r.entry)
	}
	if h := n.attached; h != nil {
		if out != nil {
			h.term.Applied(n.replica.Machine, out)
		}
		h.term.Reached(index)
	}
	if out != nil {
		n.w.truth.commands(n, r.entry, out)
		n.w.truth.applied(n, out)
	}
	return out
}

// record returns the node's record of itself.
func (n *node) record() fsm.Node {
	id := name(n.id)
	return fsm.Node{ID: id, Name: id, Peer: id + ":7401", HTTP: id + ":7400", Version: n.reads}
}

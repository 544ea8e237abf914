package sim

import (
	"bytes"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// A node is one lockd process, or the disk that it left behind.
type node struct {
	w  *world
	id int

	boot     int // this process; 0 is none before the first
	up       bool
	paused   bool
	pending  []func()      // what waits for a paused process to go on
	rate     float64       // of its clock
	origin   time.Duration // true time at which the process began
	pausedAt time.Duration // true time
	resumed  time.Duration // its own time when it last went on after a pause
	down     int           // how many faults keep it down
	stops    int           // how many faults keep it paused
	hangs    int           // how many faults make its disk hang
	mute     bool          // its disk hangs for so long that it does not speak as a leader

	disk // what survives a crash

	// The replica.
	machine  *fsm.Machine
	applied  uint64
	stamped  time.Duration
	attached *term

	raft // what Raft knows beyond its disk

	rounds  *leader.Rounds
	serving *term // the gate
	calls   []*call
	attempt uint64
	newest  uint64 // the newest revision in an answer
}

// A disk is what a process finds when it starts.
type disk struct {
	term  uint64
	vote  vote
	log   []*record // entry i at i-1
	snap  *fsm.Snapshot
	upTo  uint64 // snap's last entry
	image []byte // an installed snapshot, until snap is taken anew
}

// A record is one entry of Raft's log; without an entry it is a no-op or a Barrier.
type record struct {
	term  uint64
	entry *fsm.Entry
}

func newNode(w *world, id int) *node {
	n := &node{w: w, id: id}
	n.start()
	return n
}

// start begins a process over what is on the disk.
func (n *node) start() {
	n.boot++
	n.up, n.paused, n.pending, n.mute = true, false, nil, false
	n.rate, n.origin, n.resumed = n.w.drift(), n.w.now, 0
	n.raft = raft{role: following, leader: -1}
	n.rounds, n.serving, n.attached, n.calls = leader.NewRounds(), nil, nil, nil
	n.newest = 0
	n.machine, n.applied = n.load()
	n.commit, n.stamped = n.applied, 0
}

// load returns the machine as the disk has it.
func (n *node) load() (*fsm.Machine, uint64) {
	image := n.image
	if n.snap != nil {
		image = written(n.snap)
	}
	if image == nil {
		return fsm.New(), 0
	}
	m, err := fsm.Restore(bytes.NewReader(image))
	if err != nil {
		n.w.breaks("a snapshot cannot be restored: %v", err)
		return fsm.New(), 0
	}
	return m, n.upTo
}

func written(s *fsm.Snapshot) []byte {
	var b bytes.Buffer
	if err := s.Write(&b); err != nil {
		panic(err) // a buffer refuses nothing
	}
	return b.Bytes()
}

// crash ends the process; everything that is not on its disk is gone.
func (n *node) crash() {
	n.boot++
	n.up, n.serving, n.attached = false, nil, nil
	n.role = following
	n.w.lookForLeader()
}

// local returns the process's monotonic clock.
func (n *node) local() time.Duration { return n.localAt(n.w.now) }

func (n *node) localAt(t time.Duration) time.Duration {
	return time.Duration(float64(t-n.origin) * n.rate)
}

// after plans something for this process, a while from now on its own clock.
func (n *node) after(d time.Duration, do func()) {
	boot := n.boot
	n.w.after(time.Duration(float64(d)/n.rate), func() { n.run(boot, do) })
}

// soon is after what a scheduler takes, which now and then is long.
func (n *node) soon(do func()) {
	d := n.w.between(0, 200*time.Microsecond)
	if n.w.chance(0.02) {
		d = n.w.between(0, 20*time.Millisecond)
	}
	n.after(d, do)
}

// run lets a process do something, if it is still the same one, and once it runs.
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
	if n.attached != nil {
		n.attached.catchUp()
	}
	n.paused, n.pausedAt = true, n.w.now
	n.w.lookForLeader()
}

// resume lets a paused process go on: with what came meanwhile, in no order.
func (n *node) resume() {
	if n.attached != nil {
		n.w.shifted(n.pausedAt, n.w.now)
	}
	n.paused, n.resumed = false, n.local()
	pending := n.pending
	n.pending = nil
	for _, do := range pending {
		n.w.after(n.w.between(0, 5*time.Millisecond), do)
	}
	if t := n.attached; t != nil {
		t.wake(n.w.between(0, longestTurn))
	}
	n.w.lookForLeader()
}

// snapshotEvery is how many entries a node applies between two snapshots.
const snapshotEvery = 64

// apply brings the machine up to what is committed.
func (n *node) apply() {
	for n.applied < n.commit {
		n.applied++
		r := n.log[n.applied-1]
		var out *fsm.Applied
		if r.entry != nil && r.entry.Term == r.term {
			out = n.machine.Apply(r.term, r.entry)
			n.stamped = n.local()
			if t := n.attached; t != nil {
				t.catchUp()
				t.state.Applied(n.local(), out)
				t.wake(n.w.between(0, longestTurn))
			}
			n.w.truth.applied(n, out)
		}
		if n.applied%snapshotEvery == uint64(n.id) {
			n.snap, n.upTo, n.image = n.machine.Snapshot(), n.applied, nil
		}
		if t := n.attached; t != nil && out != nil {
			t.granted(r.entry.Stamp, out.Grants)
			t.departed(out.Departures)
		}
		n.settle(n.applied, r, out)
	}
	if t := n.attached; t != nil {
		t.confirm()
	}
}

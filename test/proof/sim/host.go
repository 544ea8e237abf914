package sim

import (
	"errors"
	"slices"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// A host runs a leader.Term on a simulated node, as package cluster does, with events instead of goroutines and
// timers.
type host struct {
	n      *node
	number uint64
	term   *leader.Term
	woken  [leader.Tasks]bool
	alarms [leader.Tasks]uint64 // number of each task's latest alarm
	open   []*outcome           // entries with an unknown outcome
	ended  bool                 // no task runs any more
}

// An outcome is what a term waits for after it has proposed an entry.
type outcome struct {
	h    *host
	done func(*fsm.Applied, error)
}

// lead starts and ends terms as Raft gains and loses leadership. It ends a term that is over, and starts one once a
// Barrier of it is applied.
func (n *node) lead() {
	if h := n.serving; h != nil && (n.role != leading || n.term != h.number) {
		h.end()
	}
	if n.attached != nil || n.role != leading || n.mute {
		return
	}
	number := n.term
	begin := func(_ *fsm.Applied, err error) {
		if err == nil && n.attached == nil && n.role == leading && n.term == number && !n.mute {
			n.begin(number)
		}
	}
	n.submit(func() {
		if n.role == leading && n.term == number {
			n.append(&record{term: number}, begin)
		}
	})
}

// begin starts a term, attaches it to apply and opens the gate.
func (n *node) begin(number uint64) {
	h := &host{n: n, number: number}
	h.term = leader.Begin(leader.Config{
		Host: h, Number: number, Self: name(n.id), Rounds: n.rounds, StampPause: leader.StampPause,
	}, n.replica)
	h.term.AgreeOnVersion(n.w.names())
	n.attached, n.serving = h, h
	n.w.truth.began(n)
	for task := range leader.Task(leader.Tasks) {
		h.Wake(task)
	}
	h.keepRecords()
}

// end closes the gate and ends the term. The term stays attached until it knows the outcome of its entries, or gives
// up on them.
func (h *host) end() {
	n := h.n
	if n.serving != h {
		return
	}
	n.serving, h.ended = nil, true
	h.term.Close()
	for _, o := range slices.Clone(h.open) {
		n.after(leader.LastAnswers, func() { o.settle(nil, fsm.ErrUnknown) })
	}
	h.detach()
}

// detach detaches an ended term.
func (h *host) detach() {
	if h.ended && len(h.open) == 0 && h.n.attached == h {
		h.n.attached = nil
		h.n.lead()
	}
}

// recordPause is the interval at which a leader checks the records of the members.
const recordPause = 5 * time.Second

// keepRecords writes the record of each running member, and agrees on the version.
func (h *host) keepRecords() {
	if h.ended {
		return
	}
	if h.n.replica.Machine.ClusterID() == "" {
		h.term.Submit(&fsm.InitCluster{ClusterID: "simulated"}, h.n.local(), func(fsm.Reply, error) {})
	}
	known := h.n.replica.Machine.Nodes()
	for _, o := range h.n.w.nodes {
		if r := o.record(); o.up && !slices.Contains(known, r) {
			h.term.Submit(&fsm.SetNode{Node: r}, h.n.local(), func(fsm.Reply, error) {})
		}
	}
	h.term.AgreeOnVersion(h.n.w.names())
	h.n.after(recordPause, h.keepRecords)
}

// Now returns the time on the node's clock.
func (h *host) Now() time.Duration { return h.n.local() }

// Wall returns the node's time, for display only.
func (h *host) Wall() int64 { return int64(h.n.local() / time.Millisecond) }

// View calls f with the replica.
func (h *host) View(f func(r *leader.Replica)) { f(h.n.replica) }

// Propose passes an entry to Raft, which appends it in its current term.
func (h *host) Propose(data []byte, done func(*fsm.Applied, error)) {
	n, o := h.n, &outcome{h, done}
	entry, err := fsm.DecodeEntry(data)
	if err != nil {
		n.w.breaks("decode an entry: %v", err)
		return
	}
	h.open = append(h.open, o)
	n.submit(func() {
		if n.role != leading {
			o.settle(nil, fsm.ErrNoLeader)
			return
		}
		n.append(&record{term: n.term, entry: entry}, o.settle)
	})
}

// settle reports the outcome to the term, once.
func (o *outcome) settle(out *fsm.Applied, err error) {
	i := slices.Index(o.h.open, o)
	if i < 0 {
		return
	}
	o.h.open = slices.Delete(o.h.open, i, i+1)
	o.done(out, err)
	o.h.detach()
}

// CommitIndex returns the node's commit index.
func (h *host) CommitIndex() uint64 { return h.n.commit }

// Leads reports whether the gate is open and the node's Raft is the leader of the term.
func (h *host) Leads(number uint64) bool {
	return h.n.serving == h && h.n.role == leading && h.n.term == number
}

// Voters returns the IDs of the voters.
func (h *host) Voters() []string { return h.n.w.names() }

// Heartbeat sends heartbeats.
func (h *host) Heartbeat() { h.n.heartbeat() }

// Wake runs a task soon.
func (h *host) Wake(task leader.Task) {
	if h.woken[task] {
		return
	}
	h.woken[task] = true
	h.n.soon(func() {
		h.woken[task] = false
		h.run(task)
	})
}

// run runs a task and schedules its next run.
func (h *host) run(task leader.Task) {
	if h.ended {
		return
	}
	due := h.term.Run(task)
	h.alarms[task]++
	switch due {
	case leader.Idle:
		return
	case leader.AtOnce:
		h.Wake(task) // other events may happen first
		return
	}
	alarm := h.alarms[task]
	h.n.after(max(due-h.n.local(), time.Microsecond), func() {
		if h.alarms[task] == alarm {
			h.run(task)
		}
	})
}

// Go runs f soon.
func (h *host) Go(f func()) { h.n.soon(f) }

// Renewed reports a raised deadline to the truth.
func (h *host) Renewed(token uint64, _ float64) { h.n.w.truth.raised(token) }

// Report ends the run if an entry was encoded that no node can decode.
func (h *host) Report(err error) {
	if errors.Is(err, leader.ErrUnreadable) {
		h.n.w.breaks("%v", err)
	}
}

package sim

import (
	"slices"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

type role uint8

const (
	following role = iota
	leading
)

// raft is the volatile state of a node's Raft.
type raft struct {
	role      role
	leader    int // the last known leader; -1: none
	commit    uint64
	peers     []peer // on a leader
	futures   []future
	notifying bool     // a commit index will be sent to followers
	queue     []func() // submitted to Raft and not on the leader's own disk yet
}

// peer is a leader's state of another node.
type peer struct {
	next, match, sent uint64 // sent: the commit index that was sent to it
	busy              uint64 // number of the current call; 0: none
	calls             uint64
	fails             int
}

// future waits for an entry that this node appended as a leader.
type future struct {
	index uint64
	done  func(*fsm.Applied, error)
}

func (n *node) last() (index, term uint64) {
	if len(n.log) == 0 {
		return 0, 0
	}
	return uint64(len(n.log)), n.log[len(n.log)-1].term
}

// elected makes a node the leader of a new term. The votes are on the disks of the voters; other nodes do not know of
// the election.
func (w *world) elected(n *node, voters []*node) { w.lead(n, voters, w.nextTerm()) }

// lead makes a node the leader of a term.
func (w *world) lead(n *node, voters []*node, term uint64) {
	w.stats.Elections++
	for _, v := range voters {
		v.adopt(term)
		v.vote.store(vote{term, n.id}, false, w.cfg.TermFirst)
	}
	n.role, n.leader = leading, n.id
	n.peers = make([]peer, len(w.nodes))
	last, _ := n.last()
	for i := range n.peers {
		n.peers[i].next = last + 1
	}
	n.append(&record{term: term}, nil)
	// The node's own loop notices it a moment later.
	n.after(w.between(0, 5*time.Millisecond), func() { n.lead() })
}

// adopt adopts a newer term, and ends a leadership of an older one.
func (n *node) adopt(term uint64) {
	if term <= n.term {
		return
	}
	n.term = term
	n.stepDown()
}

// stepDown ends a leadership. Futures remain without an outcome.
func (n *node) stepDown() {
	if n.role != leading {
		return
	}
	n.role, n.leader = following, -1
	lost := n.futures
	n.futures = nil
	for _, f := range lost {
		n.soon(func() { f.done(nil, fsm.ErrUnknown) })
	}
	n.after(n.w.between(0, 20*time.Millisecond), func() { n.lead() })
	n.w.lookForLeader()
}

// submit passes work to Raft, which processes it in order.
func (n *node) submit(do func()) {
	n.queue = append(n.queue, do)
	if len(n.queue) == 1 {
		n.takeNext()
	}
}

func (n *node) takeNext() {
	n.write(func() {
		do := n.queue[0]
		n.queue = n.queue[1:]
		do()
		if len(n.queue) > 0 {
			n.takeNext()
		}
	})
}

// append writes an entry to the leader's own disk and starts its replication.
func (n *node) append(r *record, done func(*fsm.Applied, error)) {
	n.log = append(n.log, r)
	if done != nil {
		n.futures = append(n.futures, future{uint64(len(n.log)), done})
	}
	for _, p := range n.w.nodes {
		n.replicate(p)
	}
	n.advance()
}

// replicate sends a peer the entries that it lacks, one call at a time.
func (n *node) replicate(to *node) {
	p := &n.peers[to.id]
	last, _ := n.last()
	if n.role != leading || n.mute || to == n || p.busy != 0 || p.match >= last && p.sent >= n.commit {
		return
	}
	p.calls++
	p.busy = p.calls
	call, term, round, commit := p.calls, n.term, n.rounds.Sent(), n.commit
	if n.w.nodes[to.id].up && n.snap != nil && p.next+lag < n.upTo {
		snap, upTo, log := n.snap, n.upTo, n.log[:n.upTo] // committed, so it does not change
		n.w.send(n, to, func() {
			ok := to.install(n.id, term, snap, upTo, log)
			n.answer(to, call, term, round, ok, upTo, commit)
		})
	} else {
		prev := min(p.next-1, last)
		var prevTerm uint64
		if prev > 0 {
			prevTerm = n.log[prev-1].term
		}
		batch := slices.Clone(n.log[prev:min(last, prev+64)])
		n.w.send(n, to, func() {
			accept := func() {
				ok, match := to.accept(n.id, term, prev, prevTerm, batch, commit)
				n.answer(to, call, term, round, ok, match, commit)
			}
			if len(batch) == 0 {
				accept()
				return
			}
			to.write(accept)
		})
	}
	n.after(retry(p.fails), func() { // no response arrived
		if p := n.peer(to, term); p != nil && p.busy == call {
			p.busy = 0
			p.fails++
			n.replicate(to)
		}
	})
}

// lag is the number of missing entries above which a peer is sent a snapshot.
const lag = 24

func retry(fails int) time.Duration {
	return min(100*time.Millisecond<<min(fails, 4), time.Second)
}

// peer returns the state of a peer, or nil if the term is over.
func (n *node) peer(of *node, term uint64) *peer {
	if n.role != leading || n.term != term {
		return nil
	}
	return &n.peers[of.id]
}

// write runs a function after a write to the disk.
func (n *node) write(do func()) {
	d := n.w.between(300*time.Microsecond, 4*time.Millisecond)
	if n.w.chance(0.01) {
		d = n.w.between(0, 400*time.Millisecond)
	}
	n.after(d, func() {
		if n.hangs > 0 {
			n.write(do)
			return
		}
		do()
	})
}

// answer sends the response to an AppendEntries or a snapshot.
func (n *node) answer(from *node, call, term, round uint64, ok bool, match, sent uint64) {
	answered := from.term
	n.w.send(from, n, func() {
		if answered > term {
			n.adopt(answered)
			return
		}
		n.acked(from, term, round)
		p := n.peer(from, term)
		if p == nil || p.busy != call {
			return
		}
		p.busy, p.fails = 0, 0
		if ok {
			p.match, p.next, p.sent = max(p.match, match), max(p.match, match)+1, max(p.sent, min(sent, match))
			n.advance()
		} else {
			p.next = max(1, min(p.next-1, match+1))
		}
		n.replicate(from)
	})
}

// acked records a response in the same term, which confirms a quorum round.
func (n *node) acked(from *node, term, round uint64) {
	if n.rounds.Answered(name(from.id), term, round) && n.attached != nil {
		n.attached.term.Acked()
	}
}

// heartbeat sends an AppendEntries without entries.
func (n *node) heartbeat() {
	if n.role != leading || n.mute {
		return
	}
	term, round := n.term, n.rounds.Sent()
	for _, to := range n.w.nodes {
		if to == n {
			continue
		}
		n.w.send(n, to, func() {
			if term < to.term {
				answered := to.term
				n.w.send(to, n, func() { n.adopt(answered) })
				return
			}
			to.adopt(term)
			to.follow(n.id)
			n.w.send(to, n, func() { n.acked(to, term, round) })
		})
	}
}

// follow accepts a node as the leader. It ends calls to the previous one.
func (n *node) follow(leader int) {
	if n.leader == leader {
		return
	}
	former := n.leader
	n.leader = leader
	n.cut(former)
}

// accept is AppendEntries at a follower.
func (n *node) accept(from int, term, prev, prevTerm uint64, batch []*record, commit uint64) (ok bool, match uint64) {
	last, _ := n.last()
	if term < n.term {
		return false, last
	}
	n.adopt(term)
	n.follow(from)
	if prev > last || prev > 0 && n.log[prev-1].term != prevTerm {
		return false, min(last, prev-1)
	}
	for i, r := range batch {
		at := prev + uint64(i) // index of the entry before it
		if at < uint64(len(n.log)) && n.log[at].term == r.term {
			continue
		}
		if at < n.commit {
			n.w.breaks("the simulated Raft truncates entry %d of node %d, which is committed", at+1, n.id)
			return false, 0
		}
		n.log = append(n.log[:at], r)
	}
	for _, r := range batch {
		if r.entry != nil && r.entry.Version > n.reads {
			n.w.breaks("node %d reads version %d, and was sent an entry of version %d", n.id, n.reads, r.entry.Version)
		}
	}
	match = prev + uint64(len(batch))
	n.commit = max(n.commit, min(commit, match))
	n.apply()
	return true, match
}

// install is InstallSnapshot at a follower.
func (n *node) install(from int, term uint64, snap *fsm.Snapshot, upTo uint64, log []*record) bool {
	if term < n.term {
		return false
	}
	n.adopt(term)
	n.follow(from)
	if upTo <= n.commit {
		return true // it already has all entries
	}
	n.w.stats.Installs++
	n.image, n.snap, n.upTo, n.log = n.written(snap), nil, upTo, slices.Clone(log) // a duplicate has the same content
	n.restore()
	if v := n.replica.Machine.Version(); v > n.reads {
		n.w.breaks("node %d reads version %d, and was sent a snapshot of version %d", n.id, n.reads, v)
	}
	return true
}

// advance commits the entries of the leader's own term that a majority has.
func (n *node) advance() {
	if n.role != leading {
		return
	}
	have := make([]uint64, 0, len(n.peers))
	for i := range n.peers {
		if i == n.id {
			have = append(have, uint64(len(n.log)))
		} else {
			have = append(have, n.peers[i].match)
		}
	}
	slices.Sort(have)
	upTo := have[(len(have)-1)/2]
	if upTo <= n.commit || n.log[upTo-1].term != n.term {
		return
	}
	n.commit = upTo
	n.w.truth.commit(n)
	if n.w.chance(0.02) {
		n.after(n.w.between(0, 500*time.Millisecond), n.apply)
	} else {
		n.soon(n.apply)
	}
	if n.notifying {
		return
	}
	n.notifying = true
	n.after(n.w.between(50*time.Millisecond, time.Second), func() {
		n.notifying = false
		for _, p := range n.w.nodes {
			n.replicate(p)
		}
	})
}

// settle completes the future of an entry.
func (n *node) settle(index uint64, r *record, out *fsm.Applied) {
	for len(n.futures) > 0 && n.futures[0].index <= index {
		f := n.futures[0]
		n.futures = n.futures[1:]
		switch {
		case f.index < index:
			panic("an entry was skipped")
		case r.entry != nil && out == nil:
			n.soon(func() { f.done(nil, fsm.ErrNoLeader) }) // an entry of another term replaced it
		default:
			n.soon(func() { f.done(out, nil) })
		}
	}
}

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

// raft is what a node's Raft knows beyond its disk.
type raft struct {
	role    role
	leader  int // the node it last heard of as the leader; -1: none
	commit  uint64
	peers   []peer // of a leader
	futures []future
	telling bool     // followers will be told what is committed
	queue   []func() // what was handed to Raft and is not on the leader's own disk yet
}

// peer is what a leader knows of another node.
type peer struct {
	next, match, told uint64 // told: the commit index that it was sent
	busy              uint64 // the number of the call under way; 0: none
	calls             uint64
	fails             int
}

// future is who waits for an entry that this node appended as a leader.
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

// elected makes a node the leader of a new term. The votes are on the voters'
// disks; nobody else knows.
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
	// Word of it reaches the node's own loop a moment later.
	n.after(w.between(0, 5*time.Millisecond), func() { n.lead() })
}

// adopt takes over a newer term, and ends a leadership of an older one.
func (n *node) adopt(term uint64) {
	if term <= n.term {
		return
	}
	n.term = term
	n.stepDown()
}

// stepDown ends a leadership. Who waits for an entry learns nothing of it.
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

// submit hands something to Raft, which takes what it is handed one after another.
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

// append puts an entry on a leader's own disk and sends it on its way.
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

// replicate sends a peer what it lacks, one call at a time.
func (n *node) replicate(to *node) {
	p := &n.peers[to.id]
	last, _ := n.last()
	if n.role != leading || n.mute || to == n || p.busy != 0 || p.match >= last && p.told >= n.commit {
		return
	}
	p.calls++
	p.busy = p.calls
	call, term, round, commit := p.calls, n.term, n.rounds.Sent(), n.commit
	if n.w.nodes[to.id].up && n.snap != nil && p.next+lag < n.upTo {
		snap, upTo, log := n.snap, n.upTo, n.log[:n.upTo] // committed: it stays
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
	n.after(retry(p.fails), func() { // no answer came
		if p := n.peer(to, term); p != nil && p.busy == call {
			p.busy = 0
			p.fails++
			n.replicate(to)
		}
	})
}

// lag is how many entries a peer must be behind to be sent a snapshot.
const lag = 24

func retry(fails int) time.Duration {
	return min(100*time.Millisecond<<min(fails, 4), time.Second)
}

// peer returns what a leader knows of a peer, in a term that still is its own.
func (n *node) peer(of *node, term uint64) *peer {
	if n.role != leading || n.term != term {
		return nil
	}
	return &n.peers[of.id]
}

// write does something when the disk has taken it.
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

// answer carries the answer to an AppendEntries or a snapshot back.
func (n *node) answer(from *node, call, term, round uint64, ok bool, match, told uint64) {
	answered := from.term
	n.w.send(from, n, func() {
		if answered > term {
			n.adopt(answered)
			return
		}
		n.heard(from, term, round)
		p := n.peer(from, term)
		if p == nil || p.busy != call {
			return
		}
		p.busy, p.fails = 0, 0
		if ok {
			p.match, p.next, p.told = max(p.match, match), max(p.match, match)+1, max(p.told, min(told, match))
			n.advance()
		} else {
			p.next = max(1, min(p.next-1, match+1))
		}
		n.replicate(from)
	})
}

// heard notes an answer in the same term: what a round is confirmed by.
func (n *node) heard(from *node, term, round uint64) {
	if n.rounds.Answered(name(from.id), term, round) && n.attached != nil {
		n.attached.term.Acked()
	}
}

// heartbeat is an AppendEntries without entries.
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
			n.w.send(to, n, func() { n.heard(to, term, round) })
		})
	}
}

// follow takes a node for the leader. Calls to the last one are cut.
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
		at := prev + uint64(i) // the index before it
		if at < uint64(len(n.log)) && n.log[at].term == r.term {
			continue
		}
		if at < n.commit {
			n.w.breaks("the made-up Raft takes back entry %d of node %d, which is committed", at+1, n.id)
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
		return true // it has all of that
	}
	n.w.stats.Installs++
	n.image, n.snap, n.upTo, n.log = written(snap), nil, upTo, slices.Clone(log) // a doubled one brings the same
	n.restore()
	if v := n.replica.Machine.Version(); v > n.reads {
		n.w.breaks("node %d reads version %d, and was sent a snapshot of version %d", n.id, n.reads, v)
	}
	return true
}

// advance commits what a majority has, if it is of the leader's own term.
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
	n.apply()
	if n.telling {
		return
	}
	n.telling = true
	n.after(n.w.between(50*time.Millisecond, time.Second), func() {
		n.telling = false
		for _, p := range n.w.nodes {
			n.replicate(p)
		}
	})
}

// settle tells who waits for an entry what became of it.
func (n *node) settle(index uint64, r *record, out *fsm.Applied) {
	for len(n.futures) > 0 && n.futures[0].index <= index {
		f := n.futures[0]
		n.futures = n.futures[1:]
		switch {
		case f.index < index:
			panic("an entry was passed over")
		case r.entry != nil && out == nil:
			n.soon(func() { f.done(nil, fsm.ErrNoLeader) }) // of another term: it is nothing
		default:
			n.soon(func() { f.done(out, nil) })
		}
	}
}

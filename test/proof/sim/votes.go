package sim

import "time"

// A vote has two values on a node's disk. After a crash only one of them may be new.
type vote struct {
	term      uint64
	candidate int
}

// store stores a vote or, if the process crashes in between, the first half of it. The stable store of package
// cluster writes the candidate first.
func (v *vote) store(to vote, half, termFirst bool) {
	if termFirst {
		v.term = to.term
		if !half {
			v.candidate = to.candidate
		}
		return
	}
	v.candidate = to.candidate
	if !half {
		v.term = to.term
	}
}

// halfVote crashes a node while it stores its vote for another node. After its restart, the candidate of its previous
// vote requests its vote in the new term.
func (w *world) halfVote(f Fault) {
	v, c := w.nodes[f.Node], w.nodes[f.Other%len(w.nodes)]
	former := v.vote.candidate
	if v == c || former == c.id || !v.up || v.paused || !c.up || c.paused || !w.hasAll(c, v) {
		return
	}
	term := w.nextTerm()
	v.adopt(term)
	c.adopt(term)
	v.vote.store(vote{term, c.id}, true, w.cfg.TermFirst)
	v.crashed()
	w.after(f.For, func() {
		v.started()
		w.after(w.between(0, 50*time.Millisecond), func() { w.askAgain(v, w.nodes[former], term) })
	})
}

// askAgain repeats a candidate's vote requests in a term. They may have waited in send queues until links were
// restored, so that cuts do not matter.
func (w *world) askAgain(v, candidate *node, term uint64) {
	if w.closing || v == candidate || !v.up || v.paused || v.term != term || !candidate.up || candidate.paused ||
		candidate.term > term || candidate.role == leading {
		return
	}
	voters := []*node{candidate}
	for _, o := range w.nodes {
		if o != candidate && o.up && !o.paused && o.term <= term && o.grants(candidate, term) {
			voters = append(voters, o)
		}
	}
	if len(voters) > len(w.nodes)/2 {
		w.lead(candidate, voters, term)
	}
}

// grants decides a vote request as Raft does.
func (n *node) grants(candidate *node, term uint64) bool {
	if n.vote.term == term {
		return n.vote.candidate == candidate.id // a repeated request: the log is not compared
	}
	return n.w.hasAll(candidate, n)
}

// hasAll reports whether a node's log is as new as another node's.
func (w *world) hasAll(n, other *node) bool {
	index, term := n.last()
	i, t := other.last()
	return t < term || t == term && i <= index
}

func (w *world) nextTerm() uint64 {
	term := uint64(0)
	for _, o := range w.nodes {
		term = max(term, o.term)
	}
	return term + 1
}

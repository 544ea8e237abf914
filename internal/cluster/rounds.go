package cluster

import "sync"

// rounds confirms that a term still stands. Every AppendEntries that leaves
// this node carries the number of the newest round; a peer that answers it in
// the same term has acknowledged that round and every one before it. A round
// that a majority of the voters acknowledged proves that no later leader had
// been elected when the round began.
//
// raft.VerifyLeader is not enough: it counts the answer to a heartbeat that was
// sent before the call, which a stopped leader may find in its socket after a
// new one has been elected.
type rounds struct {
	// mu guards the rest.
	mu     sync.Mutex
	newest uint64
	acked  map[string]ack // by server ID
	moved  chan struct{}  // closed when an ack moves
}

type ack struct{ term, round uint64 }

func newRounds() *rounds {
	return &rounds{acked: make(map[string]ack), moved: make(chan struct{})}
}

// begin starts a round: what arrived before it is what it can confirm.
func (r *rounds) begin() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.newest++
	return r.newest
}

// sent returns the round that a message leaving now acknowledges when answered.
func (r *rounds) sent() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.newest
}

// answered notes that a peer answered, in a term, a message of a round.
func (r *rounds) answered(peer string, term, round uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.acked[peer]; old.term > term || old.term == term && old.round >= round {
		return
	}
	r.acked[peer] = ack{term, round}
	close(r.moved)
	r.moved = make(chan struct{})
}

// confirmed reports whether a majority of the voters acknowledged the round in
// the term; self, a voter, acknowledges itself. Where not, moved is closed at
// the next answer.
func (r *rounds) confirmed(term, round uint64, voters []string, self string) (ok bool, moved <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := 0
	for _, v := range voters {
		if a := r.acked[v]; v == self || a.term == term && a.round >= round {
			count++
		}
	}
	return count > len(voters)/2, r.moved
}

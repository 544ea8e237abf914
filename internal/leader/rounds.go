package leader

import "sync"

// Rounds confirms that a term is current. Every AppendEntries that leaves this node
// carries the number of the newest round; a peer that answers it in the same term has
// acknowledged that round and every one before it. A round that a majority of the voters
// acknowledged proves that no later leader had been elected when the round began.
//
// raft.VerifyLeader is not enough: it counts the answer to a heartbeat that was sent
// before the call, which a stopped leader may find in its socket after a new one has
// been elected.
//
// Rounds belongs to a node and not to a term: numbers never begin again. It is safe for
// concurrent use.
type Rounds struct {
	mu     sync.Mutex // guards the rest
	newest uint64
	acked  map[string]ack // by server ID
}

type ack struct{ term, round uint64 }

// NewRounds returns rounds of which none has begun.
func NewRounds() *Rounds { return &Rounds{acked: make(map[string]ack)} }

// Begin starts a round: it can confirm what arrived before.
func (r *Rounds) Begin() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.newest++
	return r.newest
}

// Sent returns the round that the answer to a message sent now acknowledges.
func (r *Rounds) Sent() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.newest
}

// Answered records that a peer answered, in a term, a message of a round. It returns
// true if a round may be confirmed by it.
func (r *Rounds) Answered(peer string, term, round uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.acked[peer]; old.term > term || old.term == term && old.round >= round {
		return false
	}
	r.acked[peer] = ack{term, round}
	return true
}

// Confirmed reports whether a majority of the voters acknowledged the round in the
// term; self, a voter, acknowledges itself.
func (r *Rounds) Confirmed(term, round uint64, voters []string, self string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := 0
	for _, v := range voters {
		if a := r.acked[v]; v == self || a.term == term && a.round >= round {
			count++
		}
	}
	return count > len(voters)/2
}

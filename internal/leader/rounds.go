package leader

// Rounds confirms that a term still stands. Every AppendEntries that leaves
// this node carries the number of the newest round; a peer that answers it in
// the same term has acknowledged that round and every one before it. A round
// that a majority of the voters acknowledged proves that no later leader had
// been elected when the round began.
//
// raft.VerifyLeader is not enough: it counts the answer to a heartbeat that was
// sent before the call, which a stopped leader may find in its socket after a
// new one has been elected.
type Rounds struct {
	newest uint64
	acked  map[string]ack // by server ID
}

type ack struct{ term, round uint64 }

// NewRounds returns rounds of which none has begun.
func NewRounds() *Rounds { return &Rounds{acked: make(map[string]ack)} }

// Begin starts a round: what arrived before it is what it can confirm.
func (r *Rounds) Begin() uint64 {
	r.newest++
	return r.newest
}

// Sent returns the round that a message leaving now acknowledges when answered.
func (r *Rounds) Sent() uint64 { return r.newest }

// Answered notes that a peer answered, in a term, a message of a round, and
// reports whether that is news.
func (r *Rounds) Answered(peer string, term, round uint64) bool {
	if old := r.acked[peer]; old.term > term || old.term == term && old.round >= round {
		return false
	}
	r.acked[peer] = ack{term, round}
	return true
}

// Confirmed reports whether a majority of the voters acknowledged the round in
// the term; self, a voter, acknowledges itself.
func (r *Rounds) Confirmed(term, round uint64, voters []string, self string) bool {
	count := 0
	for _, v := range voters {
		if a := r.acked[v]; v == self || a.term == term && a.round >= round {
			count++
		}
	}
	return count > len(voters)/2
}

package cluster

import (
	"sync"

	"github.com/lockd/lockd/internal/leader"
)

// rounds are a node's leader.Rounds, for its transport, which notes what is sent
// and answered, and its confirmer, which waits.
type rounds struct {
	// mu guards the rest.
	mu     sync.Mutex
	rounds *leader.Rounds
	moved  chan struct{} // closed when an answer is news
}

func newRounds() *rounds {
	return &rounds{rounds: leader.NewRounds(), moved: make(chan struct{})}
}

func (r *rounds) gather(checks []leader.Check) leader.Batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rounds.Gather(checks)
}

// sent returns the round that a message leaving now acknowledges when answered.
func (r *rounds) sent() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rounds.Sent()
}

// answered notes that a peer answered, in a term, a message of a round.
func (r *rounds) answered(peer string, term, round uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.rounds.Answered(peer, term, round) {
		return
	}
	close(r.moved)
	r.moved = make(chan struct{})
}

// confirmed reports whether a round is confirmed in a term. Where not, moved is
// closed at the next answer.
func (r *rounds) confirmed(term, round uint64, voters []string, self string) (ok bool, moved <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rounds.Confirmed(term, round, voters, self), r.moved
}

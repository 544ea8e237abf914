package storage

import "sync/atomic"

// Raft stores a vote as two values, the term and then the candidate. If the process
// died between the two writes, the new term would be stored with the candidate of the
// vote before, and Raft would grant that candidate its vote again without comparing
// logs (hashicorp/raft issue 661). The stable store therefore writes the candidate
// first: until the term is written too, the stored vote is of a term that is over,
// and no request of that term is granted any more, since Raft stores its current
// term before it votes in it.
const (
	voteTermKey      = "LastVoteTerm"
	voteCandidateKey = "LastVoteCand"
)

// halfVote holds the term of a vote until its candidate is stored.
type halfVote struct {
	term atomic.Pointer[[]byte]
}

// keep takes a value that must not be written yet, and reports whether it did.
func (h *halfVote) keep(key, value []byte) bool {
	if string(key) != voteTermKey {
		return false
	}
	h.term.Store(&value)
	return true
}

// rest returns what has to be written after a value, or nil.
func (h *halfVote) rest(key []byte) []byte {
	if string(key) != voteCandidateKey {
		return nil
	}
	if term := h.term.Swap(nil); term != nil {
		return *term
	}
	return nil
}

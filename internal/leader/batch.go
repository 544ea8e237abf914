package leader

import "github.com/lockd/lockd/internal/fsm"

// A Check is a question to the applied state that may be answered only after a
// quorum has confirmed the term in a round that began after it arrived.
type Check struct {
	Commit  uint64               // Raft's commit index at arrival
	Look    func(m *fsm.Machine) // when confirmed
	Respond func(err error)      // after Look; or with why not
}

// A Batch is the checks that share a round.
type Batch struct {
	Checks []Check
	Round  uint64
	Commit uint64 // everything up to it must be applied before an answer
}

// Gather begins a round for checks that have arrived.
func (r *Rounds) Gather(checks []Check) Batch {
	b := Batch{Checks: checks, Round: r.Begin()}
	for _, c := range checks {
		b.Commit = max(b.Commit, c.Commit)
	}
	return b
}

// Look answers every check from a machine that has everything up to Commit, in
// a term that was seen to stand after the round was confirmed.
func (b Batch) Look(m *fsm.Machine) {
	for _, c := range b.Checks {
		c.Look(m)
	}
}

// Respond tells every check that its answer stands, or why there is none.
func (b Batch) Respond(err error) {
	for _, c := range b.Checks {
		c.Respond(err)
	}
}

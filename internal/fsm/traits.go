package fsm

// Traits are what the leader and the nodes need to know of a command to queue, send and
// repeat it. Apply does not read them.
type Traits struct {
	Lane   Lane
	Weight int    // how many leases it may change; limits how long an entry takes to apply
	Wait   Millis // how long it may wait for its answer in the queue of a lease

	// Session is the session whose acquires the command must not overtake; empty if there
	// is none.
	Session string

	// Idempotent reports whether a command that may have been applied can be sent again:
	// its session, token or attempt lets the second one find the effect of the first.
	Idempotent bool

	// FinalRefusal reports whether a refusal is final even if an earlier attempt may have
	// been applied: a renewal is refused only if the hold has ended.
	FinalRefusal bool

	// Reclaims reports whether the command gives a session that holds the lease a new
	// token. Its late copy finds the hold that it was granted.
	Reclaims bool

	// Internal reports whether only a leader, or an operator at a stopped node, makes the
	// command. A node does not accept it from another node.
	Internal bool
}

// Lane is a queue of commands at the leader. Lower lanes are packed first.
type Lane int

// The lanes.
const (
	LaneExpiry  Lane = iota // expired holds, waits and delays: few, and never refused
	LaneRenewal             // renewals that have to go through the log
	LaneDefault             // releases, and the requests of operators and of the cluster
	LaneAcquire             // also the first to be refused
	LaneCount
)

// An Acquiring is a command that acquires leases. A node names the attempts of it and sends
// it to the leader, several times if need be.
type Acquiring interface {
	Command

	// AssignAttempts gives the command its attempts, unless it has some. Next returns the
	// first of so many new ones.
	AssignAttempts(next func(count int) AttemptID)

	// Sending returns the copy that is sent to the leader, when so much of the wait has
	// passed at a node that knew a revision.
	Sending(passed Millis, revision uint64) Command

	// Leaves returns the clean-ups of what the attempts got or will get.
	Cancels() []*CancelAcquire
}

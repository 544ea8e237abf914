package document

import "github.com/lockd/lockd/internal/fsm/lease"

// A Host is the machine that has a Store.
type Host interface {
	// Now returns the cluster time, Wall the wall time in milliseconds since 1970, and Cluster the cluster's ID.
	Now() lease.Millis
	Wall() int64
	ClusterID() string

	// Revise increments the revision and returns it.
	Revise() uint64
	// Changed reports a change to watchers.
	Changed(c *Change)
	// Fits reports whether the documents of a lease may grow by so many bytes. If not, it returns the reason.
	Fits(subject string, more int) Outcome

	// Lease returns a lease. Count counts bytes of documents for its quota.
	Lease(name string) *lease.Lease
	Count(subject string, bytes int)
	// Hold acquires a lease for a holder, or renews its hold. It returns nil if that is refused.
	Hold(subject, holder string, ttl lease.Millis, by Author) *lease.Hold
	// Owns reports whether the hold of a lease is the one of a holder of its Lease, and the author may end it.
	Owns(subject string, h *lease.Hold, by Author) bool
	// Guards reports whether writes have principals, MayHold whether one may hold a lease now.
	Guards() bool
	MayHold(subject, principal string) bool
	// Release ends the hold of a lease, Break ends it for an operator.
	Release(subject string)
	Break(subject, operator, reason string)
	// Available reports whether a lease would be granted at once.
	Available(subject string) bool

	// Pending returns the events that the current command has caused since the last call.
	Pending() []*lease.Event

	// Arm starts the timer of a round, Disarm stops it.
	Arm(r *Round)
	Disarm(r *Round)
}

// An Author is who writes a document.
type Author struct {
	Principal string // empty: no credential was needed
	Override  bool   // it may end a hold of another principal, and change its candidates
	Operator  string // its name in the history if it does
}

// Outcome is the outcome of a write.
type Outcome uint8

// The outcomes. Replies between nodes contain them: add at the end, never reorder.
const (
	Done        Outcome = iota + 1
	NotFound            // there is no such document
	Exists              // the document exists already
	Conflict            // it has another revision
	HeldByOther         // the lease refused: see Host.Hold
	TooMany             // a limit of numbers is reached
	Full                // the budget of bytes is reached
	OverQuota           // a quota is reached
	OfOther             // it belongs to another principal
	OutcomeEnd          // after the last
)

package api

import (
	"context"

	"github.com/lockd/lockd/internal/api/feed"
	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
)

// Leases is the interface of the node that the handlers of leases and sessions need.
type Leases interface {
	// Do passes a command to the leader and waits for its reply. An Acquire with Wait above 0 can take that long. After
	// the errors fsm.ErrNoLeader, fsm.ErrNotReady and fsm.ErrOverloaded nothing was applied. After any other error,
	// including the end of ctx, the outcome is unknown.
	Do(ctx context.Context, c fsm.Command) (fsm.Reply, error)

	// Abandon releases the hold that an acquire got, or leaves the queue, after its client has disconnected. It does
	// not block.
	Abandon(leaves ...*fsm.CancelAcquire)

	// AbandonLater does the same after the time for which a place in a queue is kept for a client that repeats its
	// acquire.
	AbandonLater(leaves ...*fsm.CancelAcquire)

	// Query reads the state. A stale read is answered from this node's own state, with Answer.Age.
	Query(ctx context.Context, q fsm.Query, stale bool) (fsm.Answer, error)
}

type (
	// Events is the interface of the node that watches need.
	Events = feed.Events
	// State has the leases at one revision.
	State = feed.State
)

// Cluster is the interface of the node that the routes of the cluster and the headers of every answer need. Remove
// and TransferLeader can return an fsm.Invalid or an *fsm.Refused; their other errors are those of Leases.Do.
type Cluster interface {
	// Status describes the cluster as this node sees it, with or without a leader.
	Status() Status
	// Ready returns nil if this node is ready: it has a leader and its state is up to date. The error is the reason.
	Ready() error
	// Remove removes a node, by id or by name.
	Remove(ctx context.Context, id string) error
	// TransferLeader transfers leadership to a node, by id or by name; to any voter if to is empty.
	TransferLeader(ctx context.Context, to string) error
	// Reports returns what the members that answer state about themselves, by ID.
	Reports(ctx context.Context) map[string]Report
	// Here is called for every answer and must be fast.
	Here() Here
}

// Here has the values of the headers of every answer.
type Here struct {
	Node     string // this node's name
	Leader   string // the leader's name, or empty if none is known
	Revision uint64 // the revision that this node has applied
}

type (
	// Status is the answer to GET /v1/cluster.
	Status = view.Status
	// Self describes the node that answers.
	Self = view.Self
	// Member is one node of the cluster.
	Member = view.Member
	// Report is what a node states about itself.
	Report = view.Report
)

package api

import (
	"context"

	"github.com/lockd/lockd/internal/fsm"
)

// Leases is what the handlers of leases and sessions need from a node.
type Leases interface {
	// Do passes a command to the leader and waits for its answer; an Acquire with
	// Wait above 0 may take that long. Its errors are fsm.ErrNoLeader,
	// fsm.ErrNotReady and fsm.ErrOverloaded, where nothing was applied. Any other,
	// the context's end among them, leaves the outcome unknown.
	Do(ctx context.Context, c fsm.Command) (fsm.Reply, error)

	// Abandon gives back what an acquire got, or leaves the queue, after its
	// client has gone. It does not block.
	Abandon(leaves ...*fsm.Leave)

	// AbandonLater does so after the time for which a place in a queue is kept for a
	// client that asks again.
	AbandonLater(leaves ...*fsm.Leave)

	// Query reads. A stale read is answered from this node, with Answer.Age.
	Query(ctx context.Context, q fsm.Query, stale bool) (fsm.Answer, error)
}

// Events is what watches need.
type Events interface {
	// Next returns the events after a revision that match, oldest first and at
	// most max. What is there already is returned even where ctx has ended; else
	// it waits until there is one, and returns ctx.Err() where ctx ends first.
	// upTo, never below after, is the revision up to which everything that
	// matches was returned: the next call's after. It holds beside ctx.Err(), too.
	// Where events after the revision are no longer kept, the error is *fsm.Gone.
	Next(ctx context.Context, after uint64, match func(*fsm.Event) bool, max int) (events []*fsm.Event, upTo uint64, err error)

	// State returns the leases of this name, or of this prefix if the name is empty.
	State(name, prefix string) State

	// Join counts a watcher in, or refuses with fsm.ErrOverloaded at the bound.
	// done counts it out.
	Join() (done func(), err error)
}

// A State is the leases at one revision, in pages. It is for one goroutine.
type State interface {
	Revision() uint64
	// Next returns the next page, and whether another one follows it.
	Next() (page []*fsm.View, more bool)
}

// Cluster is what the routes of the cluster and the headers of every answer need.
// Join, Remove and TransferLeader may fail with an fsm.Invalid or an *fsm.Refused;
// their other errors are those of Leases.Do.
type Cluster interface {
	// Status describes the cluster as this node sees it, with or without a leader.
	Status() Status
	// Ready returns nil when this node serves: it knows a leader and has caught up.
	Ready() error
	Join(ctx context.Context, n fsm.Node) error
	// Remove ends a membership, by id or by name.
	Remove(ctx context.Context, id string) error
	// TransferLeader hands leadership to a node, by id or by name; to any where empty.
	TransferLeader(ctx context.Context, to string) error
	// Here is read for every answer and must be cheap.
	Here() Here
}

// Here is where an answer comes from: the headers of every answer.
type Here struct {
	Node     string // this node's name
	Leader   string // the leader's name, or empty where none is known
	Revision uint64 // applied on this node
}

// Status is GET /v1/cluster.
type Status struct {
	ClusterID    string   `json:"cluster_id"` // empty before the cluster was founded
	Node         Self     `json:"node"`
	Leader       string   `json:"leader"` // a name, or empty
	Term         uint64   `json:"term"`
	Revision     uint64   `json:"revision"`
	AppliedIndex uint64   `json:"applied_index"`
	LastLogTerm  uint64   `json:"last_log_term"`
	LastLogIndex uint64   `json:"last_log_index"`
	Nodes        []Member `json:"nodes"`
}

// Self is the node that answers.
type Self struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	HTTP    string `json:"http"`    // advertised address for clients
	Peer    string `json:"peer"`    // advertised address for nodes
	State   string `json:"state"`   // leader, follower, candidate or fresh
	Version string `json:"version"` // of lockd

	EntryVersion uint64 `json:"entry_version"` // the newest log entry version that it reads
}

// Member is one node of the cluster.
type Member struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	HTTP    string `json:"http"`
	Peer    string `json:"peer"`
	Voter   bool   `json:"voter"`
	Leader  bool   `json:"leader"`
	Version uint64 `json:"version"` // the entry version, under its former name

	EntryVersion uint64 `json:"entry_version"` // the newest log entry version that it reads

	LastContact *int64 `json:"last_contact_ms,omitempty"` // how long ago it was heard of; nil where this node cannot tell
}

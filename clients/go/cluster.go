package lockd

import (
	"context"
	"net/http"
)

// Cluster is the cluster as one node sees it.
type Cluster struct {
	ID           string     `json:"cluster_id"`
	Node         NodeStatus `json:"node"`   // the node that answered
	Leader       string     `json:"leader"` // its name; "" if none is known
	Term         uint64     `json:"term"`
	Revision     uint64     `json:"revision"`
	AppliedIndex uint64     `json:"applied_index"`
	Nodes        []Node     `json:"nodes"`

	// The end of the log of the node that answered. Of two logs, the one with the higher term is
	// newer. If the terms are equal, the longer log is newer.
	LastLogTerm  uint64 `json:"last_log_term"`
	LastLogIndex uint64 `json:"last_log_index"`
}

// NodeStatus is the node that answered.
type NodeStatus struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	HTTP    string `json:"http"`
	Peer    string `json:"peer"`
	State   string `json:"state"`   // leader, follower, candidate or fresh
	Version string `json:"version"` // of lockd

	EntryVersion int `json:"entry_version"` // the newest version of log entries that it reads

	Insecure bool `json:"insecure"` // it runs with --insecure
	Open     bool `json:"open"`     // every client that can connect from another machine may do everything
}

// A Node is one member.
type Node struct {
	ID      string `json:"id"` // its name and an incarnation
	Name    string `json:"name"`
	HTTP    string `json:"http"`
	Peer    string `json:"peer"`
	Voter   bool   `json:"voter"`
	Leader  bool   `json:"leader"`
	Version int    `json:"version"` // the newest version of log entries that it reads

	// LastContact is how long ago the node that answered last had contact with the member. The
	// leader reports it for all members, other nodes for themselves and the leader. nil: not known.
	LastContact *Millis `json:"last_contact_ms,omitempty"`
}

// Cluster returns the members and the leader.
func (c *Client) Cluster(ctx context.Context) (*Cluster, error) {
	a := new(Cluster)
	return orNil(a, c.get(ctx, "/v1/cluster", nil, a, nil))
}

// Remove removes the member with that ID or name.
func (c *Client) Remove(ctx context.Context, node string) error {
	return c.clusterCall(ctx, "remove", map[string]string{"id": node}, true)
}

// TransferLeader makes the member with that ID or name the leader. With "" the cluster chooses the
// new leader.
func (c *Client) TransferLeader(ctx context.Context, to string) error {
	body := map[string]string{}
	if to != "" {
		body["to"] = to
	}
	return c.clusterCall(ctx, "transfer-leader", body, to != "")
}

func (c *Client) clusterCall(ctx context.Context, verb string, body any, repeatable bool) error {
	_, err := c.do(ctx, call{method: http.MethodPost, path: "/v1/cluster/" + verb, body: body,
		timeout: defaultRequestTimeout, repeatable: repeatable})
	return err
}

package cluster

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lockd/lockd/internal/cluster/replies"
	"github.com/lockd/lockd/internal/discovery"
	"github.com/lockd/lockd/internal/transport"
)

// maxIdentity bounds the answer of a node at an address to join, in bytes.
const maxIdentity = 1 << 20

// identify requests the identity of the node at an address to join, on its peer port.
func (m *membership) identify(ctx context.Context, address string) (*discovery.Found, error) {
	hello := m.n.self.hello("")
	if m.n.raft.fresh() {
		hello.Cluster = "" // the node there may belong to another cluster, and its answer is the reason to report
	}
	conn, err := m.n.peers.open(ctx, transport.KindCall, hello, address, connectTimeout)
	if err != nil {
		return nil, err
	}
	answer, err := conn.Ask(callIdentify, connectTimeout, maxIdentity)
	if err == nil {
		err = replies.Error(answer.Status, answer.Payload)
	}
	if err != nil {
		return nil, err
	}
	var found discovery.Found
	if err := json.Unmarshal(answer.Payload, &found); err != nil {
		return nil, err
	}
	switch node := found.Node; {
	case node.ID == "" || node.Peer == "":
		return nil, fmt.Errorf("%s is not a lockd node", address)
	case conn.Name != "" && (node.Name != conn.Name || !namedIn(node.ID, conn.Name)):
		return nil, fmt.Errorf("%s states to be the node %q, and its certificate is for %q", address, node.Name, conn.Name)
	}
	return &found, nil
}

// identity returns what identify requests.
func (n *Node) identity(struct{}) (discovery.Found, error) {
	s := n.Status()
	found := discovery.Found{ClusterID: s.ClusterID, Node: discovery.Node{
		ID: s.Self.ID, Name: s.Self.Name, HTTP: s.Self.HTTP, Peer: s.Self.Peer, State: s.State,
	}}
	for _, m := range s.Members {
		found.Nodes = append(found.Nodes, discovery.Node{ID: m.ID, Name: m.Name, HTTP: m.HTTP, Peer: m.Peer, Leader: m.Leader})
	}
	return found, nil
}

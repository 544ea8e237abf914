package cluster

import (
	"slices"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/transport"
)

// maxProofs bounds the addresses that are being dialled back at once.
const maxProofs = 16

// hearOf learns where a node says that it is, once the node has answered there
// under its ID: a stranger must not redirect what is meant for a member.
func (n *Node) hearOf(record fsm.Node) {
	if n.knows(record) || !n.beginProof(record) {
		return
	}
	go func() {
		defer n.endProof(record)
		if n.proves(record) {
			n.learn(record)
		}
	}()
}

// proves reports whether a node answers at its address under its ID.
func (n *Node) proves(record fsm.Node) bool {
	conn, err := n.dialAddress(n.stream.dialling, transport.KindCall, record.ID, record.Peer, connectTimeout)
	if err != nil {
		n.log.Debug("a node does not answer at the address that it states", "id", record.ID, "address", record.Peer, "err", err)
		return false
	}
	conn.Close()
	return true
}

func (n *Node) knows(record fsm.Node) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	known, ok := n.peers[record.ID]
	return ok && known.Peer == record.Peer && known.HTTP == record.HTTP
}

func (n *Node) beginProof(record fsm.Node) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := record.ID + " " + record.Peer
	if _, running := n.proofs[key]; running || len(n.proofs) >= maxProofs {
		return false
	}
	n.proofs[key] = struct{}{}
	return true
}

func (n *Node) endProof(record fsm.Node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.proofs, record.ID+" "+record.Peer)
}

// learn keeps the newest address of a node.
func (n *Node) learn(record fsm.Node) {
	if former := n.replacePeer(record); former != nil {
		former.Close()
	}
}

// replacePeer keeps a record, and returns the client that leads where the node
// no longer is.
func (n *Node) replacePeer(record fsm.Node) (former *transport.Client) {
	n.mu.Lock()
	defer n.mu.Unlock()
	old, known := n.peers[record.ID]
	switch {
	case known && old.Peer == record.Peer && old.HTTP == record.HTTP:
		return nil
	case !known && len(n.peers) >= 4*fsm.MaxNodes:
		return nil
	}
	n.peers[record.ID] = record
	if known {
		former = n.clients[record.ID]
		delete(n.clients, record.ID)
	}
	return former
}

// prune forgets nodes that are neither members nor on record.
func (n *Node) prune(records []fsm.Node) {
	if n.fresh() {
		return // it does not know its members yet
	}
	servers := n.raft.GetConfiguration().Configuration().Servers
	var gone []*transport.Client
	n.mu.Lock()
	for id := range n.peers {
		if slices.ContainsFunc(records, func(r fsm.Node) bool { return r.ID == id }) ||
			slices.ContainsFunc(servers, func(s raft.Server) bool { return string(s.ID) == id }) {
			continue
		}
		delete(n.peers, id)
		if c := n.clients[id]; c != nil {
			gone = append(gone, c)
			delete(n.clients, id)
		}
	}
	n.mu.Unlock()
	for _, c := range gone {
		c.Close() // never under mu: it has a lock of its own
	}
}

// isMember reports whether the caller of a connection says that it is a member of
// this node's cluster. A node that does not know its members yet believes it.
func (n *Node) isMember(h transport.Hello) bool {
	self := n.identity()
	if h.Cluster == "" || h.Cluster != self.Cluster {
		return false
	}
	servers := n.raft.GetConfiguration().Configuration().Servers
	return len(servers) == 0 || slices.ContainsFunc(servers, func(s raft.Server) bool { return string(s.ID) == h.From })
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/discovery"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/storage"
	"github.com/lockd/lockd/internal/transport"
)

// joinRequest requests membership: first without a vote and, after the node has caught up,
// with one. Applied is the index that the node has applied. The leader does not use it: it
// knows what the node has acknowledged.
type joinRequest struct {
	Node    fsm.Node `json:"node"`
	Applied uint64   `json:"applied"`
}

// caughtUp is how many entries a new member may lack when it gets its vote.
const caughtUp = 256

// silentNewcomer is how long a member without a vote may be silent before the next
// newcomer takes its place.
const silentNewcomer = 30 * time.Second

// acceptJoin adds a node, as the leader.
func (n *Node) acceptJoin(q joinRequest) (struct{}, error) {
	t := n.term.Load()
	if t == nil {
		return struct{}{}, fsm.ErrNoLeader
	}
	if err := readable(q.Node, t.leader.Version()); err != nil {
		return struct{}{}, err
	}
	if err := (&fsm.SetNode{Node: q.Node}).Validate(); err != nil {
		return struct{}{}, &fsm.Refused{Reason: err.Error()}
	}
	servers := n.raft.servers()
	i := slices.IndexFunc(servers, func(s raft.Server) bool { return string(s.ID) == q.Node.ID })
	switch {
	case i < 0:
		return struct{}{}, t.takeIn(q.Node, servers)
	case servers[i].Suffrage != raft.Voter && t.mayVote(q.Node.ID, servers):
		n.log.Info("a node gets its vote", "node", q.Node.Name, "id", q.Node.ID)
		return struct{}{}, changed(n.raft.AddVoter(servers[i].ID, servers[i].Address, 0, membershipTimeout))
	}
	return struct{}{}, nil
}

// takeIn adds a node without a vote. It must answer at the address that it states.
func (t *term) takeIn(node fsm.Node, servers []raft.Server) error {
	n := t.n
	if len(servers) >= fsm.MaxNodes {
		return &fsm.Refused{Reason: fmt.Sprintf("the cluster has %d members already", len(servers))}
	}
	if err := checkNewcomer(node); err != nil {
		return &fsm.Refused{Reason: err.Error()}
	}
	if err := t.makePlace(servers); err != nil {
		return err
	}
	if !n.peers.proves(node) {
		return &fsm.Refused{Reason: fmt.Sprintf("no node with the ID %s answers at %s: check --peer-advertise", node.ID, node.Peer)}
	}
	// Another node may have been taken in while this one was dialled.
	t.joining.Lock()
	defer t.joining.Unlock()
	servers = n.raft.servers()
	if slices.ContainsFunc(servers, func(s raft.Server) bool { return string(s.ID) == node.ID }) {
		return nil
	}
	if err := t.makePlace(servers); err != nil {
		return err
	}
	n.peers.learn(node)
	if err := t.makeRoom(node, servers); err != nil {
		return err
	}
	if err := t.setNode(node); err != nil {
		return err
	}
	if err := readable(node, t.leader.Version()); err != nil { // again: makeRoom may have taken long
		return err
	}
	n.log.Info("a node joins", "node", node.Name, "id", node.ID)
	return changed(n.raft.AddNonvoter(raft.ServerID(node.ID), raft.ServerAddress(node.Peer), 0, membershipTimeout))
}

// makePlace refuses a newcomer while another one has no vote yet, and removes one
// that has been silent for too long. So strangers cannot add one member after the
// other.
func (t *term) makePlace(servers []raft.Server) error {
	for _, s := range servers {
		if s.Suffrage == raft.Voter {
			continue
		}
		id := string(s.ID)
		if t.silence(id) < silentNewcomer {
			return &fsm.Refused{Reason: fmt.Sprintf("the member %s has no vote yet: one node joins at a time; try again, or remove it with lockd cluster remove", id)}
		}
		t.n.log.Warn("a member without a vote is silent and is removed, since another node joins", "id", id)
		if err := t.remove(id); err != nil {
			return err
		}
	}
	return nil
}

// silence is how long a member has not answered this leader in its term.
func (t *term) silence(id string) time.Duration {
	heard, _ := t.n.network.transport.LastAnswer(id)
	return min(time.Since(t.began), time.Since(heard))
}

// answers reports whether a member has answered within the last heartbeats.
func (t *term) answers(id string) bool {
	heard, _ := t.n.network.transport.LastAnswer(id)
	return id == t.n.self.identity().ID() || time.Since(heard) < 2*t.n.cfg.Heartbeat
}

// mayVote reports whether a member without a vote gets one: it has acknowledged
// nearly all that is committed, and with it as a voter, a quorum of the voters
// answers.
func (t *term) mayVote(id string, servers []raft.Server) bool {
	acknowledged := t.n.network.transport.Acknowledged(id, t.number)
	if acknowledged == 0 || acknowledged+caughtUp < t.n.raft.CommitIndex() || !t.answers(id) {
		return false
	}
	voters, answering := 1, 1
	for _, s := range servers {
		if s.Suffrage == raft.Voter {
			voters++
			if t.answers(string(s.ID)) {
				answering++
			}
		}
	}
	return answering > voters/2
}

// makeRoom removes the member whose name or address a newcomer has: a node that
// was wiped, and comes back as a new member. One that lives keeps its place.
func (t *term) makeRoom(node fsm.Node, servers []raft.Server) error {
	for _, s := range servers {
		id := string(s.ID)
		record, known := t.n.recordOf(id)
		if !known {
			record.Name = storage.NameIn(id) // its record is written soon after it became a member
		}
		if record.Name != node.Name && (known || string(s.Address) != node.Peer) {
			continue // a member may have had this address before: servers are identified by their IDs
		}
		if id == t.n.self.identity().ID() || t.n.peers.lives(id) {
			return &fsm.Refused{Reason: fmt.Sprintf("a member that lives has the name %q or the address %s: "+
				"give the new node its own --node-id and --peer-addr", record.Name, node.Peer)}
		}
		t.n.log.Info("a wiped node's former self is removed", "node", record.Name, "id", id)
		if err := t.remove(id); err != nil {
			return err
		}
	}
	return nil
}

// checkNewcomer checks the name of a new member.
func checkNewcomer(node fsm.Node) error {
	if fsm.ValidNodeName(node.Name) {
		return nil
	}
	return fsm.Invalid{{Field: "name", Reason: "must be " + fsm.NodeNameRule}}
}

// tryJoin asks a cluster that was found to take this node in.
func (m *membership) tryJoin(ctx context.Context, s discovery.Found) (string, error) {
	if self := m.n.self.identity(); self.Cluster != "" && self.Cluster != s.ClusterID {
		return "", fmt.Errorf("%s is of cluster %s, and this node has agreed to form or join %s: start it with an empty data directory",
			s.Node.Name, s.ClusterID, self.Cluster)
	}
	if err := m.n.self.pledge(s.ClusterID, nil); err != nil {
		return "", err
	}
	for _, o := range s.Nodes {
		m.n.peers.learn(fsm.Node{ID: o.ID, Name: o.Name, Peer: o.Peer, HTTP: o.HTTP})
	}
	m.n.peers.learn(fsm.Node{ID: s.Node.ID, Name: s.Node.Name, Peer: s.Node.Peer, HTTP: s.Node.HTTP})
	target := s.Node.ID
	for _, o := range s.Nodes {
		if o.Leader {
			target = o.ID
		}
	}
	err := m.askToJoin(ctx, target)
	return "joining cluster " + s.ClusterID, err
}

func (m *membership) askToJoin(ctx context.Context, leader string) error {
	_, err := askJSON[struct{}](ctx, m.n.peers.client(leader), callJoin, joinRequest{m.n.self.record(), m.n.raft.AppliedIndex()})
	if errors.Is(err, transport.ErrNotSent) || errors.Is(err, fsm.ErrNoLeader) {
		return fmt.Errorf("the leader cannot be reached yet: %w", err)
	}
	return err
}

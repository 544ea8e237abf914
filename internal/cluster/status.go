package cluster

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
)

// Status is what a node says of itself and of its cluster.
type Status struct {
	ClusterID string
	Self      fsm.Node
	State     string // leader, follower, candidate, fresh or shutdown
	Leader    string // its name; empty where none is known
	Term      uint64
	Revision  uint64
	Applied   uint64 // the log index up to which Raft has handed entries on, its own among them
	Members   []Member

	// The end of the node's log, snapshot included: of two logs, the one with the higher
	// term is newer, and with the same term the longer one.
	LastLogTerm, LastLogIndex uint64
}

// Member is one server of the configuration.
type Member struct {
	fsm.Node
	Voter  bool
	Leader bool
	// LastContact is how long ago the member was heard of, as far as the node
	// that answers can tell: a leader of all, others of the leader alone.
	LastContact *time.Duration
}

// Status returns what this node knows now; it asks nobody.
func (n *Node) Status() Status {
	s := Status{ClusterID: n.self.identity().Cluster, Self: n.self.record(), State: stateFresh}
	records := make(map[string]fsm.Node)
	n.replica.mu.Lock()
	for _, r := range n.replica.state.Machine.Nodes() {
		records[r.ID] = r
	}
	s.Revision = n.replica.state.Machine.Revision()
	n.replica.mu.Unlock()
	if !n.raft.fresh() {
		s.State = stateName(n.raft.State())
	}
	s.Term, s.Applied = n.raft.CurrentTerm(), n.raft.AppliedIndex()
	s.LastLogTerm, s.LastLogIndex = n.raft.logEnd()
	_, leader := n.raft.LeaderWithID()
	for _, server := range n.raft.servers() {
		record, ok := records[string(server.ID)]
		if !ok { // not written yet: what was heard of it has to do
			record = n.peers.heardOf(string(server.ID), string(server.Address))
		}
		m := Member{Node: record, Voter: server.Suffrage == raft.Voter, Leader: server.ID == leader}
		m.LastContact = n.lastContact(m)
		if m.Leader {
			s.Leader = record.Name
		}
		s.Members = append(s.Members, m)
	}
	return s
}

func stateName(s raft.RaftState) string {
	switch s {
	case raft.Leader:
		return "leader"
	case raft.Candidate:
		return "candidate"
	case raft.Shutdown:
		return "shutdown"
	}
	return "follower"
}

// NodeName returns this node's name.
func (n *Node) NodeName() string { return n.self.identity().Name }

// LeaderName returns the leader's name, or "" where none is known.
func (n *Node) LeaderName() string {
	id, own := n.raft.leader(), n.self.identity()
	switch id {
	case "":
		return ""
	case own.ID():
		return own.Name
	}
	return n.peers.name(id)
}

// Ready returns nil where this node can serve, or why it cannot.
func (n *Node) Ready() error {
	switch {
	case n.leaving.Load():
		return errors.New("this node is shutting down")
	case n.stalled():
		return fmt.Errorf("a write to the disk has been hanging for %v", n.store.Hanging().Round(time.Second))
	case n.raft.fresh():
		if missing := n.membership.missing.Load(); missing != nil {
			return errors.New("this node is in no cluster yet: " + *missing)
		}
		return errors.New("this node is in no cluster yet")
	case n.term.Load() != nil:
		return nil
	}
	_, leader := n.raft.LeaderWithID()
	switch {
	case n.raft.standing() == stranger:
		return errors.New("this node is no member: it was removed, or is joining; " +
			"after a removal, start it with an empty data directory and --join to let it in again")
	case leader == "":
		return errors.New("no leader is known")
	case string(leader) == n.self.identity().ID():
		return errors.New("this node leads, but does not serve yet")
	case n.raft.standing() == learner:
		return errors.New("this node has no vote yet: it is catching up")
	case !n.membership.caughtUp.Load():
		return errors.New("this node has not caught up with the leader yet")
	case time.Since(n.raft.LastContact()) > 4*n.cfg.Heartbeat:
		return errors.New("the leader has not been heard of for a while")
	}
	return nil
}

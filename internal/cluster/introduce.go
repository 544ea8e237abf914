package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
)

// introduce keeps this node's record in the machine right, learns where others
// are, and asks for a vote where it has none, until ctx ends.
func (n *Node) introduce(ctx context.Context) error {
	ticker := time.NewTicker(recordPause)
	defer ticker.Stop()
	seen := make(map[string]fsm.Node)
	for {
		var records []fsm.Node
		n.replica.view(func(m *fsm.Machine) { records = m.Nodes() })
		for _, r := range records {
			if r != seen[r.ID] {
				seen[r.ID] = r
				n.learn(r)
			}
		}
		n.prune(records)
		if n.term.Load() == nil {
			n.introduceSelf(ctx)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// introduceSelf tells the leader, or while none is known everybody, where this
// node is now: they learn it from the connection itself.
func (n *Node) introduceSelf(ctx context.Context) {
	self := n.record()
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	known, ok := n.recordOf(self.ID)
	leader := n.route().leader
	n.removal.see(n.log, n.membership() == stranger && leader == "" && !n.fresh(), n.now())
	switch {
	case n.membership() == stranger:
		// It was removed, or is about to learn that it is a member: it asks for nothing.
	case leader != "" && n.membership() == learner:
		if err := n.askToJoin(ctx, leader); err != nil {
			n.log.Debug("no vote yet", "err", err)
		}
	case leader != "" && ok && known == self:
	case leader != "":
		if _, err := askJSON[struct{}](ctx, n.client(leader), callIntroduce, self); err != nil {
			n.log.Debug("the leader did not take this node's record", "err", err)
		}
	default:
		for _, s := range n.raft.GetConfiguration().Configuration().Servers {
			if id := string(s.ID); id != self.ID {
				n.introduceTo(ctx, id, self)
			}
		}
		n.rediscover(ctx)
	}
}

// introduceTo tells one node, which is told by the connection alone; its answer
// matters only where it says that this node is no member any more.
func (n *Node) introduceTo(ctx context.Context, id string, self fsm.Node) {
	_, err := askJSON[struct{}](ctx, n.client(id), callIntroduce, self)
	var refused *fsm.Refused
	if errors.As(err, &refused) {
		n.removal.refused(n.log, id, refused.Reason)
	}
}

// rediscover asks the addresses to join where the members are now: after all
// addresses changed at once, no record is right.
func (n *Node) rediscover(ctx context.Context) {
	for _, s := range n.finder.Find(ctx) {
		if s.ClusterID == n.identity().Cluster && s.Node.ID != n.identity().ID() {
			n.hearOf(fsm.Node{ID: s.Node.ID, Name: s.Node.Name, Peer: s.Node.Peer, HTTP: s.Node.HTTP})
		}
	}
}

// standing is what a node is in its own newest configuration.
type standing int

const (
	voter standing = iota
	learner
	stranger // it was removed, or has not been told yet
)

func (n *Node) membership() standing {
	servers := n.raft.GetConfiguration().Configuration().Servers
	for _, s := range servers {
		if string(s.ID) == n.identity().ID() {
			if s.Suffrage == raft.Voter {
				return voter
			}
			return learner
		}
	}
	return stranger
}

// acceptIntroduction writes down where a member says that it is.
func (n *Node) acceptIntroduction(node fsm.Node) (struct{}, error) {
	t := n.term.Load()
	if t == nil {
		n.hearOf(node)
		return struct{}{}, fsm.ErrNoLeader
	}
	if !n.knows(node) && !n.proves(node) {
		return struct{}{}, fsm.ErrNotReady // it asks again
	}
	n.learn(node)
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		if string(s.ID) == node.ID {
			return struct{}{}, t.setNode(node)
		}
	}
	return struct{}{}, &fsm.Refused{Reason: removedReason}
}

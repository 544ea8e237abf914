package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// introduce keeps this node's record in the machine current, learns the addresses of other
// nodes, and requests a vote if this node has none, until ctx ends.
func (m *membership) introduce(ctx context.Context) error {
	ticker := time.NewTicker(recordPause)
	defer ticker.Stop()
	seen := make(map[string]fsm.Node)
	for {
		var records []fsm.Node
		m.n.replica.view(func(m *fsm.Machine) { records = m.Nodes() })
		for _, r := range records {
			if r != seen[r.ID] {
				seen[r.ID] = r
				m.n.peers.learn(r)
			}
		}
		if !m.n.raft.fresh() { // it knows its members
			m.n.peers.prune(records)
		}
		if m.n.term.Load() == nil {
			m.introduceSelf(ctx)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// introduceSelf sends this node's record to the leader. While no leader is known, it sends
// it to all members, which learn the addresses from the hello of the connection.
func (m *membership) introduceSelf(ctx context.Context) {
	self := m.n.self.record()
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	known, ok := m.n.recordOf(self.ID)
	leader := m.n.router.route().leader
	m.removal.see(m.n.log, m.n.raft.standing() == stranger && leader == "" && !m.n.raft.fresh(), m.n.now())
	switch {
	case m.n.raft.standing() == stranger:
		// It was removed, or does not know yet that it is a member.
	case leader != "" && m.n.raft.standing() == learner:
		if err := m.askToJoin(ctx, leader); err != nil {
			m.n.log.Debug("no vote yet", "err", err)
		}
	case leader != "" && ok && known == self:
	case leader != "":
		if _, err := askJSON[struct{}](ctx, m.n.peers.client(leader), callIntroduce, self); err != nil {
			m.n.log.Debug("the leader did not take this node's record", "err", err)
		}
	default:
		for _, s := range m.n.raft.servers() {
			if id := string(s.ID); id != self.ID {
				m.introduceTo(ctx, id, self)
			}
		}
		m.rediscover(ctx)
	}
}

// introduceTo sends this node's record to one node. It logs a refusal: this node is not a
// member any more.
func (m *membership) introduceTo(ctx context.Context, id string, self fsm.Node) {
	_, err := askJSON[struct{}](ctx, m.n.peers.client(id), callIntroduce, self)
	var refused *fsm.Refused
	if errors.As(err, &refused) {
		m.removal.refused(m.n.log, id, refused.Reason)
	}
}

// rediscover finds the members by the addresses to join, in case all of them have changed
// their addresses at the same time.
func (m *membership) rediscover(ctx context.Context) {
	found, _ := m.finder.Find(ctx) // the finder logs its error
	for _, s := range found {
		if s.ClusterID == m.n.self.identity().Cluster && s.Node.ID != m.n.self.identity().ID() {
			m.n.peers.verify(fsm.Node{ID: s.Node.ID, Name: s.Node.Name, Peer: s.Node.Peer, HTTP: s.Node.HTTP})
		}
	}
}

// acceptIntroduction stores the record of a member.
func (m *membership) acceptIntroduction(node fsm.Node) (struct{}, error) {
	t := m.n.term.Load()
	if t == nil {
		m.n.peers.verify(node)
		return struct{}{}, fsm.ErrNoLeader
	}
	if !m.n.peers.knows(node) && !m.n.peers.proves(node) {
		return struct{}{}, fsm.ErrNotReady // it sends the record again
	}
	m.n.peers.learn(node)
	for _, s := range m.n.raft.servers() {
		if string(s.ID) == node.ID {
			return struct{}{}, t.setNode(node)
		}
	}
	return struct{}{}, &fsm.Refused{Reason: removedReason}
}

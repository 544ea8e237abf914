package cluster

import (
	"time"

	"github.com/hashicorp/raft"
)

// lastContact returns how long ago a member last answered. A leader knows it of all members,
// at most since its term began; another node knows it of its leader. It returns nil if it
// is not known.
func (n *Node) lastContact(m Member) *time.Duration {
	var ago time.Duration
	t := n.term.Load()
	switch {
	case m.ID == n.self.identity().ID():
	case t != nil:
		answered, _ := n.network.transport.LastAnswer(m.ID)
		if answered.Before(t.began) && time.Since(t.began) < n.cfg.Heartbeat {
			return nil // the member can still answer
		}
		ago = min(time.Since(t.began), time.Since(answered))
	case m.Leader && !n.raft.LastContact().IsZero():
		ago = time.Since(n.raft.LastContact())
	default:
		return nil
	}
	return &ago
}

// successor returns the voter with the longest log among those that answer, if there is
// one.
func (n *Node) successor() (next raft.Server, ok bool) {
	var longest uint64
	for _, s := range n.raft.servers() {
		if s.Suffrage != raft.Voter || string(s.ID) == n.self.identity().ID() {
			continue
		}
		answered, last := n.network.transport.LastAnswer(string(s.ID))
		if time.Since(answered) < n.cfg.Heartbeat && (!ok || last > longest) {
			next, longest, ok = s, last, true
		}
	}
	return next, ok
}

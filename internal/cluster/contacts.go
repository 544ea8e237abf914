package cluster

import (
	"time"

	"github.com/hashicorp/raft"
)

// lastContact says how long ago a member was heard of: by a leader of all, where
// silence counts from the beginning of its term; by another node of its leader
// alone. It is nil where this node cannot tell.
func (n *Node) lastContact(m Member) *time.Duration {
	var ago time.Duration
	t := n.term.Load()
	switch {
	case m.ID == n.self.identity().ID():
	case t != nil:
		heard, _ := n.network.transport.LastAnswer(m.ID)
		if heard.Before(t.began) && time.Since(t.began) < n.cfg.Heartbeat {
			return nil // it has been asked, and may yet answer
		}
		ago = min(time.Since(t.began), time.Since(heard))
	case m.Leader && !n.raft.LastContact().IsZero():
		ago = time.Since(n.raft.LastContact())
	default:
		return nil
	}
	return &ago
}

// successor returns, of the voters that answer, the one whose log is longest: a
// dead one and one that lags would only cost time. There may be none.
func (n *Node) successor() (next raft.Server, ok bool) {
	var longest uint64
	for _, s := range n.raft.servers() {
		if s.Suffrage != raft.Voter || string(s.ID) == n.self.identity().ID() {
			continue
		}
		heard, last := n.network.transport.LastAnswer(string(s.ID))
		if time.Since(heard) < n.cfg.Heartbeat && (!ok || last > longest) {
			next, longest, ok = s, last, true
		}
	}
	return next, ok
}

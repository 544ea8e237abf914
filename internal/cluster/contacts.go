package cluster

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// contacts are when other nodes last answered this one's Raft. A leader asks
// each of them several times a second; the others ask hardly ever.
type contacts struct {
	mu sync.Mutex
	at map[string]time.Time // by server ID
}

func newContacts() *contacts { return &contacts{at: make(map[string]time.Time)} }

func (c *contacts) answered(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at[id] = time.Now()
}

// newest returns when a node last answered; zero where it never did.
func (c *contacts) newest(id string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at[id]
}

// lastContact says how long ago a member was heard of: by a leader of all, where
// silence counts from the beginning of its term; by another node of its leader
// alone. It is nil where this node cannot tell.
func (n *Node) lastContact(m Member) *time.Duration {
	var ago time.Duration
	t := n.term.Load()
	switch {
	case m.ID == n.identity().id():
	case t != nil:
		ago = min(time.Since(t.began), time.Since(n.transport.contacts.newest(m.ID)))
	case m.Leader && !n.raft.LastContact().IsZero():
		ago = time.Since(n.raft.LastContact())
	default:
		return nil
	}
	return &ago
}

// successor returns the voter that answered last: one that is dead would only
// cost time. There may be none.
func (n *Node) successor() (next raft.Server, ok bool) {
	var newest time.Time
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		if s.Suffrage != raft.Voter || string(s.ID) == n.identity().id() {
			continue
		}
		if at := n.transport.contacts.newest(string(s.ID)); at.After(newest) {
			next, newest, ok = s, at, true
		}
	}
	return next, ok && time.Since(newest) < n.cfg.Heartbeat
}

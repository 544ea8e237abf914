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
	of map[string]contact // by server ID
}

type contact struct {
	at    time.Time     // zero: never
	last  uint64        // the end of its log, as it said
	again chan struct{} // where entries could not be sent: closed at the next answer
}

func newContacts() *contacts { return &contacts{of: make(map[string]contact)} }

func (c *contacts) answered(id string, lastLog uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if again := c.of[id].again; again != nil {
		close(again)
	}
	c.of[id] = contact{at: time.Now(), last: lastLog}
}

// failed notes that a node could not be sent what it needs.
func (c *contacts) failed(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.of[id]; known.again == nil {
		known.again = make(chan struct{})
		c.of[id] = known
	}
}

// newest returns a node's last answer.
func (c *contacts) newest(id string) contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[id]
}

// lastContact says how long ago a member was heard of: by a leader of all, where
// silence counts from the beginning of its term; by another node of its leader
// alone. It is nil where this node cannot tell.
func (n *Node) lastContact(m Member) *time.Duration {
	var ago time.Duration
	t := n.term.Load()
	switch {
	case m.ID == n.self.identity().ID():
	case t != nil:
		heard := n.network.transport.contacts.newest(m.ID).at
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
		heard := n.network.transport.contacts.newest(string(s.ID))
		if time.Since(heard.at) < n.cfg.Heartbeat && (!ok || heard.last > longest) {
			next, longest, ok = s, heard.last, true
		}
	}
	return next, ok
}

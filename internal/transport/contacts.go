package transport

import (
	"sync"
	"time"
)

// contacts records the last answers of other nodes to this node's Raft. A leader gets an
// answer of each node several times a second.
type contacts struct {
	mu sync.Mutex
	of map[string]contact // by server ID
}

type contact struct {
	at    time.Time     // zero: never
	last  uint64        // the last index of its log
	again chan struct{} // set after entries could not be sent; closed at the next answer
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

// failed records that entries could not be sent to a node.
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

package transport

import (
	"sync"
	"time"
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

package limits

import "sync"

// Connections counts open connections, in total and by address, so that one client cannot use all of them.
type Connections struct {
	max, maxPerIP int

	// mu guards open and byIP; never held across I/O.
	mu   sync.Mutex
	open int
	byIP map[string]int
}

// NewConnections returns a count with these bounds, in total and for each address.
func NewConnections(max, maxPerIP int) *Connections {
	return &Connections{max: max, maxPerIP: maxPerIP, byIP: make(map[string]int)}
}

// Open returns the number of open connections.
func (c *Connections) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// Enter counts a connection, or returns false if a bound is reached.
func (c *Connections) Enter(ip string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open >= c.max || c.byIP[ip] >= c.maxPerIP {
		return false
	}
	c.open++
	c.byIP[ip]++
	return true
}

// Leave removes a connection from the count.
func (c *Connections) Leave(ip string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.byIP[ip]--; c.byIP[ip] == 0 {
		delete(c.byIP, ip)
	}
}

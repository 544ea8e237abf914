package transport

import (
	"net"
	"sync"
	"time"
)

// What one port holds open. A cluster needs a few connections per node; members
// have places of their own, which strangers cannot take.
const (
	maxMembers     = 512 // connections of members
	maxOfMember    = 128 // of members at one address: all nodes may be behind one
	maxStrangers   = 64  // that said no hello yet, or are not members
	maxOfStranger  = 16  // likewise, at one address
	strangerIdle   = 10 * time.Second
	frameTimeout   = 30 * time.Second // for the rest of a frame, once it has begun
	strangerFrame  = 64 << 10         // bytes; asking to join or to form takes less
	strangerCalls  = 4                // that wait for an answer
	requestFrame   = 2 << 20          // bytes; no command is longer than an entry
	memberRequests = 32_768           // that wait for an answer
)

// places counts connections, those of members and the others, by address.
type places struct {
	mu        sync.Mutex
	members   tally
	strangers tally
}

type tally struct {
	all int
	of  map[string]int
}

func (t *tally) enter(address string, most, mostOf int) bool {
	if t.all >= most || t.of[address] >= mostOf {
		return false
	}
	if t.of == nil {
		t.of = make(map[string]int)
	}
	t.all++
	t.of[address]++
	return true
}

func (t *tally) leave(address string) {
	t.all--
	if t.of[address]--; t.of[address] == 0 {
		delete(t.of, address)
	}
}

// A place is that of one connection.
type place struct {
	all     *places
	address string
	member  bool
	left    bool
}

// enter gives a connection the place of a stranger, or returns nil.
func (p *places) enter(conn net.Conn) *place {
	address := conn.RemoteAddr().String()
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.strangers.enter(address, maxStrangers, maxOfStranger) {
		return nil
	}
	return &place{all: p, address: address}
}

// promote moves a connection to the places of members, and reports whether there
// was one.
func (p *place) promote() bool {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	if p.left || !p.all.members.enter(p.address, maxMembers, maxOfMember) {
		return false
	}
	p.all.strangers.leave(p.address)
	p.member = true
	return true
}

// leave gives the place back. It may be called again.
func (p *place) leave() {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	switch {
	case p.left:
	case p.member:
		p.all.members.leave(p.address)
	default:
		p.all.strangers.leave(p.address)
	}
	p.left = true
}

package transport

import (
	"net"
	"slices"
	"sync"
	"time"
)

// Bounds on the connections of the port. A cluster needs a few connections for each node.
// Members and other callers have separate bounds.
const (
	maxMembers     = 512 // connections of members
	maxOfMember    = 128 // of members at one address: all nodes may be behind one
	maxStrangers   = 64  // before the hello, or not of members
	maxOfStranger  = 16  // of these at one address
	strangerIdle   = 10 * time.Second
	frameTimeout   = 30 * time.Second // for the rest of a frame, once it has begun
	strangerFrame  = 64 << 10         // bytes; a request to join or to form is smaller
	strangerCalls  = 4                // without an answer yet
	requestFrame   = 2 << 20          // bytes; no command is longer than an entry
	memberRequests = 32_768           // without an answer yet
)

// places counts connections, those of members and the others, by address.
type places struct {
	mu        sync.Mutex
	members   tally
	secured   int                 // members with TLS
	strangers map[string][]*place // by address, oldest first
	count     int                 // of strangers
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

// A place is the place of one connection.
type place struct {
	all     *places
	conn    net.Conn
	address string
	member  bool
	secured bool
	left    bool
}

// enter gives a connection the place of a stranger. If its address has all the places that it may have, the oldest
// connection of that address is closed, and if no place is free, the oldest one of the address that has the most. A
// member is a stranger only until its hello, so connections that stall do not keep it out.
func (p *places) enter(conn net.Conn) *place {
	address := conn.RemoteAddr().String()
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if full := p.full(address); len(full) > 0 {
		full[0].conn.Close()
		p.remove(full[0])
	}
	if p.strangers == nil {
		p.strangers = make(map[string][]*place)
	}
	entered := &place{all: p, conn: conn, address: address}
	p.strangers[address] = append(p.strangers[address], entered)
	p.count++
	return entered
}

// full returns the places of an address of which one must become free before another connection enters.
func (p *places) full(address string) (most []*place) {
	if own := p.strangers[address]; len(own) >= maxOfStranger {
		return own
	}
	if p.count < maxStrangers {
		return nil
	}
	for _, of := range p.strangers {
		if len(of) > len(most) {
			most = of
		}
	}
	return most
}

// remove takes the place of a stranger.
func (p *places) remove(s *place) {
	of := p.strangers[s.address]
	i := slices.Index(of, s)
	if p.strangers[s.address] = slices.Delete(of, i, i+1); len(of) == 1 {
		delete(p.strangers, s.address)
	}
	p.count--
	s.left = true
}

// promote moves a connection to the places of members, and reports whether there
// was one.
func (p *place) promote(secured bool) bool {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	if p.left || !p.all.members.enter(p.address, maxMembers, maxOfMember) {
		return false
	}
	p.all.remove(p)
	p.left, p.member, p.secured = false, true, secured
	if secured {
		p.all.secured++
	}
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
		if p.secured {
			p.all.secured--
		}
		p.left = true
	default:
		p.all.remove(p)
	}
}

func (p *places) membersByTLS() (secured, plain int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.secured, p.members.all - p.secured
}

package handshake

import (
	"context"
	"slices"
	"sync"
)

// gate bounds the handshakes at a time. If all places are taken, an address with fewer places than another one gets the
// oldest place of the address that has the most. Otherwise the handshake waits.
type gate struct {
	most int

	// mu guards the fields below.
	mu      sync.Mutex
	running map[string][]*entry // by address, oldest first
	count   int
	waiting []*entry // oldest first
}

// entry is one handshake. All fields but the first two are guarded by gate.mu.
type entry struct {
	address string
	evict   func() // ends the handshake

	granted chan struct{} // closed when it has a place
}

func newGate(most int) *gate { return &gate{most: most, running: make(map[string][]*entry)} }

// enter waits for a place until ctx ends. The caller calls leave when the handshake has ended. evict can be called
// until then, and must not block.
func (g *gate) enter(ctx context.Context, address string, evict func()) (leave func(), err error) {
	e := &entry{address: address, evict: evict, granted: make(chan struct{})}
	g.mu.Lock()
	top := g.busiest()
	switch {
	case g.count < g.most:
		g.grant(e)
	case len(g.running[top]) > len(g.running[address])+1:
		oldest := g.running[top][0]
		g.remove(oldest)
		oldest.evict()
		g.grant(e)
	default:
		g.waiting = append(g.waiting, e)
	}
	g.mu.Unlock()
	leave = func() { g.leave(e) }
	select {
	case <-e.granted:
		return leave, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// grant gives a place to a handshake.
func (g *gate) grant(e *entry) {
	g.running[e.address] = append(g.running[e.address], e)
	g.count++
	close(e.granted)
}

// remove takes the place of a handshake, and reports whether it had one.
func (g *gate) remove(e *entry) bool {
	of := g.running[e.address]
	i := slices.Index(of, e)
	if i < 0 {
		return false
	}
	if g.running[e.address] = slices.Delete(of, i, i+1); len(of) == 1 {
		delete(g.running, e.address)
	}
	g.count--
	return true
}

// leave takes the place of a handshake, or its place among those that wait. The next place goes to the waiting address
// that has the fewest.
func (g *gate) leave(e *entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.remove(e) {
		g.waiting = slices.DeleteFunc(g.waiting, func(o *entry) bool { return o == e })
		return
	}
	next := -1
	for i, o := range g.waiting {
		if next < 0 || len(g.running[o.address]) < len(g.running[g.waiting[next].address]) {
			next = i
		}
	}
	if next >= 0 {
		e = g.waiting[next]
		g.waiting = slices.Delete(g.waiting, next, next+1)
		g.grant(e)
	}
}

// busiest returns the address with the most places.
func (g *gate) busiest() (top string) {
	for address, of := range g.running {
		if len(of) > len(g.running[top]) {
			top = address
		}
	}
	return top
}

package lockd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// turns lets those of one process that would share one hold have it one after the
// other: to the cluster one session is one holder.
type turns struct {
	// mu guards the rest, and the lease of each place.
	mu    sync.Mutex
	taken map[turn]*place

	owed map[turn]*debt
}

type turn struct {
	name, session string
}

// A place is a turn that is taken.
type place struct {
	left    chan struct{} // closed when the turn ends
	lease   *Lease        // what was acquired in it by itself; nil for work under guard
	several bool          // its session was made for it
}

// heldHere is the refusal of what this process holds already.
func heldHere(name string) *Error {
	return &Error{Type: TypeHeld, Status: 409, Definitive: true, Detail: name + " is held by this client"}
}

// take waits for the turn and returns how to end it.
func (t *turns) take(ctx context.Context, want turn, wait time.Duration) (leave func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, wait, heldHere(want.name))
	defer cancel()
	for {
		busy, mine := t.try(want)
		if mine != nil {
			return sync.OnceFunc(func() { t.leave(want, mine) }), nil
		}
		look := lookEvery
		if l := t.leaseOf(busy); l != nil { // nobody else may watch its deadline
			look = min(max(l.expire(), minMargin), lookEvery)
			if errors.Is(context.Cause(l.ctx), ErrLost) {
				l.leave()
				continue
			}
		}
		select {
		case <-busy.left:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(look):
		}
	}
}

// turn takes the turn for an acquire. With a limit above 1 it waits for no other hold of
// the Client: if the Client's session has one, the acquire gets a session of its own.
func (c *Client) turn(ctx context.Context, name string, opts *AcquireOptions) (leave func(), err error) {
	several := opts.Limit > 1 && opts.Session == ""
	if err := c.prepare(opts); err != nil {
		return nil, err
	}
	want := turn{name, opts.Session}
	if several {
		if _, mine := c.turns.try(want); mine != nil {
			return sync.OnceFunc(func() { c.turns.leave(want, mine) }), nil
		}
		opts.Session = NewSession()
		own := turn{name, opts.Session}
		_, mine := c.turns.try(own)
		c.turns.markSeveral(mine)
		return sync.OnceFunc(func() { c.turns.leave(own, mine) }), nil
	}
	if opts.Wait > 0 && ctx.Value(want) == c {
		return nil, fmt.Errorf("%w: %s", ErrReentrant, name)
	}
	return c.turns.take(ctx, want, opts.Wait)
}

// try takes the turn, or returns who has it.
func (t *turns) try(want turn) (busy, mine *place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if busy := t.taken[want]; busy != nil {
		return busy, nil
	}
	if t.taken == nil {
		t.taken = make(map[turn]*place)
	}
	mine = &place{left: make(chan struct{})}
	t.taken[want] = mine
	return nil, mine
}

func (t *turns) markSeveral(p *place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.several = true
}

func (t *turns) leaseOf(p *place) *Lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	return p.lease
}

// leaseAt returns what was acquired in a turn by itself; nil where there is none.
func (t *turns) leaseAt(who turn) *Lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.taken[who]; p != nil {
		return p.lease
	}
	return nil
}

// sessions returns those of a Client that has this one: more than one only with leases of
// a limit above 1.
func (t *turns) sessions(own string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := []string{own}
	for who, p := range t.taken {
		if p.several && !slices.Contains(all, who.session) {
			all = append(all, who.session)
		}
	}
	return all
}

// bySession assigns holds to the sessions that have them, and those of none to own. No
// holds are all holds of every session.
func (t *turns) bySession(own string, just []Held) map[string][]Held {
	sessions := make(map[string][]Held)
	if len(just) == 0 {
		for _, session := range t.sessions(own) {
			sessions[session] = nil
		}
		return sessions
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range just {
		session := own
		for who, p := range t.taken {
			if p.several && p.lease != nil && who.name == h.Name && p.lease.Token == h.Token {
				session = who.session
			}
		}
		sessions[session] = append(sessions[session], h)
	}
	return sessions
}

func (t *turns) leasesOf(session string) (all []*Lease) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for who, p := range t.taken {
		if who.session == session && p.lease != nil {
			all = append(all, p.lease)
		}
	}
	return all
}

func (t *turns) leave(done turn, mine *place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(mine.left)
	delete(t.taken, done)
}

// until makes a turn that was taken last until the lease is lost, or was given
// back and the call for that has returned.
func (t *turns) until(l *Lease, leave func()) {
	t.mu.Lock()
	l.leave = leave
	if p := t.taken[l.turn()]; p != nil {
		p.lease = l
	}
	t.mu.Unlock()
	context.AfterFunc(l.ctx, func() {
		if errors.Is(context.Cause(l.ctx), ErrLost) {
			leave()
		}
	})
}

// owe records what was given up and is not certain.
func (t *turns) owe(who turn, d *debt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.owed == nil {
		t.owed = make(map[turn]*debt)
	}
	t.owed[who] = d
}

func (t *turns) owes(who turn) *debt {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.owed[who]
}

func (t *turns) settled(who turn, d *debt) {
	d.stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.owed[who] == d {
		delete(t.owed, who)
	}
}

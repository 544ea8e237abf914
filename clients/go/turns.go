package lockd

import (
	"context"
	"errors"
	"sync"
	"time"
)

// turns lets those of one process that would share one hold have it one after the
// other: to the cluster one session is one holder.
type turns struct {
	// mu guards the rest, and the lease of each place.
	mu    sync.Mutex
	taken map[turn]*place

	// owed are tokens that were given back without a word of what came of it: a
	// copy of that request may yet arrive, and would end the hold under the next.
	owed map[turn]uint64
}

type turn struct {
	name, session string
}

// A place is a turn that is taken.
type place struct {
	left  chan struct{} // closed when the turn ends
	lease *Lease        // what was acquired in it by itself; nil for work under guard
}

// take waits for the turn and returns how to end it.
func (t *turns) take(ctx context.Context, want turn, wait time.Duration) (leave func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, wait, &Error{Type: TypeHeld, Status: 409, Definitive: true,
		Detail: want.name + " is held by this client"})
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

// owe notes that a hold was given back and whether it ended is not known.
func (t *turns) owe(l *Lease) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.owed == nil {
		t.owed = make(map[turn]uint64)
	}
	t.owed[l.turn()] = l.Token
}

func (t *turns) owes(who turn) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.owed[who]
}

func (t *turns) settled(who turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.owed, who)
}

// settle gives back for certain what was given back once, before the same session
// asks for the lease again: the next hold has a token of its own then, and no late
// copy reaches it.
func (c *Client) settle(ctx context.Context, who turn) error {
	token := c.turns.owes(who)
	if token == 0 {
		return nil
	}
	_, err := c.release(ctx, who.name, ReleaseOptions{Session: who.session, Token: token})
	if err != nil && !errors.Is(err, ErrLost) {
		return err
	}
	c.turns.settled(who)
	return nil
}

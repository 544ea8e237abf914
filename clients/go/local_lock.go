package lockd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// localLocks exclude callers in one process that have the same session, because to the cluster one
// session is one holder.
type localLocks struct {
	// mu guards the maps, and the lease of each lock.
	mu   sync.Mutex
	held map[lockKey]*localLock

	pending map[lockKey]*pendingRelease
}

type lockKey struct {
	name, session string
}

// A localLock is a lock that is held.
type localLock struct {
	unlocked   chan struct{} // closed by unlock
	lease      *Lease        // the lease that was acquired under the lock; nil during Do and Elect
	ownSession bool          // its session was generated for it
}

// heldLocally is the refusal of a lease that this process already holds.
func heldLocally(name string) *Error {
	return &Error{Type: TypeHeld, Status: 409, Definitive: true, Detail: name + " is held by this client"}
}

// lock waits for the lock and returns how to unlock it.
func (t *localLocks) lock(ctx context.Context, key lockKey, wait time.Duration) (unlock func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, wait, heldLocally(key.name))
	defer cancel()
	for {
		busy, mine := t.tryLock(key)
		if mine != nil {
			return sync.OnceFunc(func() { t.unlock(key, mine) }), nil
		}
		look := clockCheckInterval
		if l := t.leaseOf(busy); l != nil { // this may be the only check of its deadline
			look = min(max(l.expire(), minMargin), clockCheckInterval)
			if errors.Is(context.Cause(l.ctx), ErrLost) {
				l.unlock()
				continue
			}
		}
		select {
		case <-busy.unlocked:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(look):
		}
	}
}

// lockLocally takes the local lock of an acquire. With a limit above 1 it does not wait for another
// hold of the Client: if the session of the Client has one, the acquire gets its own session.
func (c *Client) lockLocally(ctx context.Context, name string, opts *AcquireOptions) (unlock func(), err error) {
	several := opts.Limit > 1 && opts.Session == ""
	if err := c.prepare(opts); err != nil {
		return nil, err
	}
	key := lockKey{name, opts.Session}
	if several {
		if _, mine := c.locks.tryLock(key); mine != nil {
			return sync.OnceFunc(func() { c.locks.unlock(key, mine) }), nil
		}
		opts.Session = NewSession()
		own := lockKey{name, opts.Session}
		_, mine := c.locks.tryLock(own)
		c.locks.markOwnSession(mine)
		return sync.OnceFunc(func() { c.locks.unlock(own, mine) }), nil
	}
	if opts.Wait > 0 && ctx.Value(key) == c {
		return nil, fmt.Errorf("%w: %s", ErrReentrant, name)
	}
	return c.locks.lock(ctx, key, opts.Wait)
}

// tryLock takes the lock, or returns the lock that is held.
func (t *localLocks) tryLock(key lockKey) (busy, mine *localLock) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if busy := t.held[key]; busy != nil {
		return busy, nil
	}
	if t.held == nil {
		t.held = make(map[lockKey]*localLock)
	}
	mine = &localLock{unlocked: make(chan struct{})}
	t.held[key] = mine
	return nil, mine
}

func (t *localLocks) markOwnSession(p *localLock) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.ownSession = true
}

func (t *localLocks) leaseOf(p *localLock) *Lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	return p.lease
}

// leaseWithKey returns the lease that was acquired under a lock; nil if there is none.
func (t *localLocks) leaseWithKey(key lockKey) *Lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.held[key]; p != nil {
		return p.lease
	}
	return nil
}

// sessions returns the sessions of a Client with this session. There are several only with leases
// of a limit above 1.
func (t *localLocks) sessions(own string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := []string{own}
	for key, p := range t.held {
		if p.ownSession && !slices.Contains(all, key.session) {
			all = append(all, key.session)
		}
	}
	return all
}

// bySession groups holds by the session that has them; unknown holds belong to own. Without holds
// it returns every session.
func (t *localLocks) bySession(own string, just []Held) map[string][]Held {
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
		for key, p := range t.held {
			if p.ownSession && p.lease != nil && key.name == h.Name && p.lease.Token == h.Token {
				session = key.session
			}
		}
		sessions[session] = append(sessions[session], h)
	}
	return sessions
}

func (t *localLocks) leasesOf(session string) (all []*Lease) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, p := range t.held {
		if key.session == session && p.lease != nil {
			all = append(all, p.lease)
		}
	}
	return all
}

func (t *localLocks) unlock(done lockKey, mine *localLock) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(mine.unlocked)
	delete(t.held, done)
}

// unlockWith keeps a lock until the lease is lost, or was released and that call has returned.
func (t *localLocks) unlockWith(l *Lease, unlock func()) {
	t.mu.Lock()
	l.unlock = unlock
	if p := t.held[l.key()]; p != nil {
		p.lease = l
	}
	t.mu.Unlock()
	context.AfterFunc(l.ctx, func() {
		if errors.Is(context.Cause(l.ctx), ErrLost) {
			unlock()
		}
	})
}

// addPending records a release whose outcome is not certain.
func (t *localLocks) addPending(key lockKey, d *pendingRelease) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending == nil {
		t.pending = make(map[lockKey]*pendingRelease)
	}
	t.pending[key] = d
}

func (t *localLocks) pendingRelease(key lockKey) *pendingRelease {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pending[key]
}

func (t *localLocks) allPending() (all []*pendingRelease) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.pending {
		all = append(all, p)
	}
	return all
}

func (t *localLocks) removePending(key lockKey, d *pendingRelease) {
	d.stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending[key] == d {
		delete(t.pending, key)
	}
}

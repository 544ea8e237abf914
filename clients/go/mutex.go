package lockd

import (
	"context"
	"errors"
	"sync"
)

// ErrUnlocked is the error of Unlock on a Mutex that is not locked.
var ErrUnlocked = errors.New("lockd: unlock of an unlocked mutex")

// A Mutex is a lease with the methods of a sync.Mutex. Unlike a sync.Mutex it can be lost: Lease
// returns the token, and the context that ends with the lease.
//
// In its process it stays locked until Unlock, even after a loss. So Unlock always belongs to the
// Lock before it, and never releases the lease of the next goroutine. It has one holder even with a
// Limit above 1: use one Mutex for each holder. It is not reentrant.
type Mutex struct {
	c      *Client
	name   string
	opts   AcquireOptions
	locked chan struct{} // has an element between Lock and Unlock

	// mu guards lease. It is never held across I/O.
	mu    sync.Mutex
	lease *Lease // nil if unlocked
}

// Mutex returns an unlocked Mutex. opts.Wait is not used.
func (c *Client) Mutex(name string, opts AcquireOptions) *Mutex {
	return &Mutex{c: c, name: name, opts: opts, locked: make(chan struct{}, 1)}
}

// Lock waits for the lease until ctx ends, and keeps the lease until Unlock. It also waits for
// other goroutines of this process. It fails with ErrUnavailable, or with an *UnknownError, if no
// node answers for Config.UnreachableTimeout.
func (m *Mutex) Lock(ctx context.Context) error {
	select {
	case m.locked <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	opts := m.opts
	opts.Wait = Forever
	return m.acquire(ctx, opts)
}

// TryLock is Lock without a wait. If the lease is held, the error is ErrHeld.
func (m *Mutex) TryLock(ctx context.Context) error {
	select {
	case m.locked <- struct{}{}:
	default:
		return heldLocally(m.name)
	}
	opts := m.opts
	opts.Wait = 0
	return m.acquire(ctx, opts)
}

func (m *Mutex) acquire(ctx context.Context, opts AcquireOptions) error {
	l, err := m.c.Acquire(ctx, m.name, opts)
	if err != nil {
		<-m.locked
		return err
	}
	l.KeepAlive()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lease = l
	return nil
}

// Unlock releases the lease. If the lease was lost in the meantime, it returns that error, because
// the work was not done under the lock. The release is sent even if ctx has ended, as with
// Lease.Release.
func (m *Mutex) Unlock(ctx context.Context) error {
	m.mu.Lock()
	l := m.lease
	m.lease = nil
	m.mu.Unlock()
	if l == nil {
		return ErrUnlocked
	}
	defer func() { <-m.locked }()
	l.expire()
	lost := context.Cause(l.Context())
	return errors.Join(lost, l.Release(ctx))
}

// Lease returns the lease of the last Lock, even if it was lost; nil after Unlock.
func (m *Mutex) Lease() *Lease {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lease
}

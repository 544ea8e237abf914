package lockd

import (
	"context"
	"errors"
	"sync"
)

// ErrUnlocked is what Unlock returns where there is nothing to unlock.
var ErrUnlocked = errors.New("lockd: unlock of an unlocked mutex")

// A Mutex is a lease in the shape of a sync.Mutex. A sync.Mutex is never lost, and
// this one can be: ask Lease for the token and for the context that ends then.
//
// It stays locked in its process until Unlock, also after a loss: so Unlock is always about
// the Lock before it, and never releases the lease of the next goroutine. With a Limit above
// 1 it still has one holder: use one Mutex for each. It is not reentrant.
type Mutex struct {
	c      *Client
	name   string
	opts   AcquireOptions
	locked chan struct{} // has an element from Lock to Unlock

	// mu guards lease; never held across I/O.
	mu    sync.Mutex
	lease *Lease // nil: unlocked
}

// Mutex returns an unlocked Mutex. opts.Wait is not used.
func (c *Client) Mutex(name string, opts AcquireOptions) *Mutex {
	return &Mutex{c: c, name: name, opts: opts, locked: make(chan struct{}, 1)}
}

// Lock waits for the lease for as long as ctx lasts, and keeps it until Unlock. It
// waits for others of this process, too. It fails with ErrUnavailable, or with an
// *UnknownError, if no node answers for Config.UnreachableTimeout.
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

// TryLock is Lock without a wait. Where somebody else has the lease the error is
// ErrHeld.
func (m *Mutex) TryLock(ctx context.Context) error {
	select {
	case m.locked <- struct{}{}:
	default:
		return heldHere(m.name)
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

// Unlock gives the lease back. If it was lost meanwhile that is the error, so that the
// work is not taken for done under the lock. It is sent even if ctx has ended, as
// Lease.Release is.
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

// Lease returns what is held, or was lost, since the last Lock; nil after Unlock.
func (m *Mutex) Lease() *Lease {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lease
}

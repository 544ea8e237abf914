// Package system says what a lock service must do to be compared, and runs a
// cluster of one.
package system

import (
	"context"
	"errors"
	"time"

	"github.com/lockd/lockd/bench/process"
)

// A System is one kind of lock service.
type System interface {
	Name() string
	// Servers describes a new cluster with its data below dir. What the other
	// methods tell and connect to is that cluster.
	Servers(dir string) ([]*process.Process, error)
	// Version is what a running server says of itself.
	Version(ctx context.Context) (string, error)
	// Leader is the number of the server that leads.
	Leader(ctx context.Context) (int, error)
	// Connect makes a client of one server: a session and connections of its own.
	Connect(ctx context.Context, server int) (Client, error)
}

// TTL is that of every hold, where it is not what is measured.
const TTL = 60 * time.Second

// A Client is one process that takes leases. It is safe for concurrent use. What
// a system does not have is errors.ErrUnsupported.
type Client interface {
	// Acquire takes a lease that is free, and fails where it is held.
	Acquire(ctx context.Context, name string) error
	Release(ctx context.Context, name string) error
	// ReleaseAll gives back whatever the client holds.
	ReleaseAll(ctx context.Context) error

	// Renew keeps one lease, and RenewAll whatever the client holds.
	Renew(ctx context.Context, name string) error
	RenewAll(ctx context.Context) error

	// Read is linearizable; ReadStale need not be.
	Read(ctx context.Context, name string) error
	ReadStale(ctx context.Context, name string) error

	// Lock waits for its turn, the way that is meant for contenders.
	Lock(ctx context.Context, name string) error
	Unlock(ctx context.Context, name string) error

	// Abandon locks with the shortest TTL that there is and never renews, as a
	// holder that died at that moment. It returns when the TTL, counted from the
	// last request that it sent, is over.
	Abandon(ctx context.Context, name string) (over time.Time, err error)

	// Watch tells whether a lease is held: once at the beginning, and at each
	// change, until ctx ends.
	Watch(ctx context.Context, name string, held func(bool)) error

	// Close breaks the connections. Holds end by themselves.
	Close()
}

// Limited is a client that does nothing; others embed it for what they lack.
type Limited struct{}

// Acquire is not offered.
func (Limited) Acquire(context.Context, string) error { return errors.ErrUnsupported }

// Release is not offered.
func (Limited) Release(context.Context, string) error { return errors.ErrUnsupported }

// ReleaseAll has nothing to give back.
func (Limited) ReleaseAll(context.Context) error { return nil }

// Renew is not offered.
func (Limited) Renew(context.Context, string) error { return errors.ErrUnsupported }

// RenewAll is not offered.
func (Limited) RenewAll(context.Context) error { return errors.ErrUnsupported }

// Read is not offered.
func (Limited) Read(context.Context, string) error { return errors.ErrUnsupported }

// ReadStale is not offered.
func (Limited) ReadStale(context.Context, string) error { return errors.ErrUnsupported }

// Lock is not offered.
func (Limited) Lock(context.Context, string) error { return errors.ErrUnsupported }

// Unlock is not offered.
func (Limited) Unlock(context.Context, string) error { return errors.ErrUnsupported }

// Abandon is not offered.
func (Limited) Abandon(context.Context, string) (time.Time, error) {
	return time.Time{}, errors.ErrUnsupported
}

// Watch is not offered.
func (Limited) Watch(context.Context, string, func(bool)) error { return errors.ErrUnsupported }

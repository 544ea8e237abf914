// Package system declares the interfaces of a lock service in the comparison, and runs its cluster.
package system

import (
	"context"
	"errors"
	"time"

	"github.com/lockd/lockd/bench/process"
)

// Info describes a system in the report. One service can be several systems: each has another client, or another binary.
type Info struct {
	Name   string `json:"name"`
	Client string `json:"client"` // how the callers send their requests
	Role   Role   `json:"role"`
	Of     string `json:"of,omitempty"`    // with Before: the system that it is compared with
	Again  bool   `json:"again,omitempty"` // another system has the same servers: the works that measure only the servers omit this one
}

// Role is what a system's figures are compared with.
type Role string

// The roles.
const (
	Subject  Role = "subject"  // compared with the best peer
	Peer     Role = "peer"     // another lock service
	Before   Role = "before"   // an older binary, compared with the subject Of
	Capacity Role = "capacity" // the capacity of the server, with a client that no user has; compared with nothing
)

// System is a lock service with one kind of client. The methods other than Info and Servers refer to the cluster of the
// last call of Servers.
type System interface {
	Info() Info
	// Servers returns the servers of a new cluster with its data below dir. They are not started.
	Servers(dir string) ([]*process.Process, error)
	// Version returns the version that a running server reports.
	Version(ctx context.Context) (string, error)
	// Leader returns the index of the leader.
	Leader(ctx context.Context) (int, error)
	// Connect returns a client of one server, with a session and connections of its own.
	Connect(ctx context.Context, server int) (Client, error)
}

// Sharing is a system whose clients share connections, as in one process.
type Sharing interface {
	// Share returns a function like Connect, but its clients share connections. If the system's client can use several
	// servers, it begins with that server. done closes the connections.
	Share() (connect func(ctx context.Context, server int) (Client, error), done func(), err error)
}

// TTL is the TTL of every hold, except in Abandon.
const TTL = 60 * time.Second

// Client acts as one process that uses leases. It is safe for concurrent use. A method returns errors.ErrUnsupported if
// the system does not have the operation.
type Client interface {
	// Acquire acquires a free lease. It fails if the lease is held.
	Acquire(ctx context.Context, name string) error
	Release(ctx context.Context, name string) error
	// ReleaseAll releases all leases of the client.
	ReleaseAll(ctx context.Context) error

	// Renew renews one lease, RenewAll all leases of the client.
	Renew(ctx context.Context, name string) error
	RenewAll(ctx context.Context) error

	// Read is linearizable; ReadStale need not be.
	Read(ctx context.Context, name string) error
	ReadStale(ctx context.Context, name string) error

	// Lock acquires a lease and waits while it is held, in the way that the system recommends for contenders.
	Lock(ctx context.Context, name string) error
	Unlock(ctx context.Context, name string) error

	// Abandon locks with the system's minimum TTL and never renews, as a holder that dies at that moment. It returns
	// the time at which the TTL ends, counted from its last request.
	Abandon(ctx context.Context, name string) (over time.Time, err error)

	// Watch calls held at the beginning and at each change with whether the lease is held, until ctx ends.
	Watch(ctx context.Context, name string, held func(bool)) error

	// Close closes the connections. Holds end with their TTL.
	Close()
}

// Limited is a Client without any operation. Clients embed it for the operations that their system does not have.
type Limited struct{}

// Acquire is not offered.
func (Limited) Acquire(context.Context, string) error { return errors.ErrUnsupported }

// Release is not offered.
func (Limited) Release(context.Context, string) error { return errors.ErrUnsupported }

// ReleaseAll does nothing, because Acquire is not offered.
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

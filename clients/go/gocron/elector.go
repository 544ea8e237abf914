package lockdgocron

import (
	"context"
	"errors"
	"sync"

	"github.com/go-co-op/gocron/v2"

	lockd "github.com/lockd/lockd/clients/go"
)

// ErrNotLeading is the error of IsLeader when this process does not lead. The scheduler skips the
// run.
var ErrNotLeading = errors.New("lockdgocron: not leading")

// An Elector implements gocron.Elector: all jobs run in the leader.
type Elector struct {
	client *lockd.Client
	name   string
	opts   lockd.AcquireOptions

	// mu guards lease: nil while this process does not lead.
	mu    sync.Mutex
	lease *lockd.Lease
}

var _ gocron.Elector = (*Elector)(nil)

// NewElector returns an Elector. It campaigns while Run runs. opts.Wait is not used.
func NewElector(client *lockd.Client, name string, opts lockd.AcquireOptions) *Elector {
	return &Elector{client: client, name: name, opts: opts}
}

// Run campaigns until ctx ends, and again after a loss. Stop the scheduler before ctx ends, because
// Run releases the lease at its end.
func (e *Elector) Run(ctx context.Context) error {
	return e.client.Elect(ctx, e.name, e.opts, func(ctx context.Context, l *lockd.Lease) error {
		e.set(l)
		defer e.set(nil)
		<-ctx.Done()
		return nil
	})
}

func (e *Elector) set(l *lockd.Lease) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lease = l
}

// IsLeader returns nil while this process leads by its local clock, else ErrNotLeading.
func (e *Elector) IsLeader(context.Context) error {
	if l := e.Lease(); l == nil || l.Remaining() <= 0 {
		return ErrNotLeading
	}
	return nil
}

// Lease returns the lease of the leader; nil if this process does not lead.
func (e *Elector) Lease() *lockd.Lease {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lease
}

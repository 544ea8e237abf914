package lockdgocron

import (
	"context"
	"errors"
	"sync"

	"github.com/go-co-op/gocron/v2"

	lockd "github.com/lockd/lockd/clients/go"
)

// ErrNotLeading is why a scheduler skips a run.
var ErrNotLeading = errors.New("lockdgocron: not leading")

// An Elector is gocron's: all jobs are the leader's.
type Elector struct {
	client *lockd.Client
	name   string
	opts   lockd.AcquireOptions

	// mu guards lease: nil while another leads.
	mu    sync.Mutex
	lease *lockd.Lease
}

var _ gocron.Elector = (*Elector)(nil)

// NewElector returns an Elector, which campaigns while Run runs. opts.Wait is not used.
func NewElector(client *lockd.Client, name string, opts lockd.AcquireOptions) *Elector {
	return &Elector{client: client, name: name, opts: opts}
}

// Run campaigns until ctx ends, and again after a loss. Stop the scheduler first:
// at its end the lease is given back.
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

// IsLeader returns nil while this process leads by its own clock, else ErrNotLeading.
func (e *Elector) IsLeader(context.Context) error {
	if l := e.Lease(); l == nil || l.Remaining() <= 0 {
		return ErrNotLeading
	}
	return nil
}

// Lease returns the lease by which this process leads; nil where it does not.
func (e *Elector) Lease() *lockd.Lease {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lease
}

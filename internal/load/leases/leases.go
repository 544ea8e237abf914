package leases

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/load"
)

// Operations that a load measures. An acquire includes its release.
const (
	Acquire = "acquire"
	Renew   = "renew"
	Read    = "read"
)

// Config describes a load.
type Config struct {
	Work     string       // the measured operation
	Client   lockd.Config // of each client, with at least one address
	Clients  int
	Rate     int // operations started per second; 0: as many as possible
	Duration time.Duration
	Prefix   string // of the names of the leases

	// Progress runs during the measurement, as that of load.Plan; nil: none.
	Progress func(ctx context.Context, soFar func() (done, failed int64))
}

// A Load is a set of clients and the load that they create.
type Load struct {
	cfg     Config
	clients []*lockd.Client
	leases  []string // one per client
}

// leaseTTL is longer than a slow response takes, and short enough that the leases expire soon if
// this program is killed. Renewals of TTLs up to a minute are not written to disk.
const leaseTTL = time.Minute

const requestsPerTTL = 3 // a client that is late once or twice still holds its lease

// MinRate returns the lowest rate at which no lease expires; 0: any.
func MinRate(cfg Config) int {
	if cfg.Work != Renew {
		return 0
	}
	return requestsPerTTL * cfg.Clients / int(leaseTTL.Seconds())
}

// New creates the clients. They start with different nodes, do not retry, and share connections.
func New(cfg Config) (*Load, error) {
	var run [4]byte
	rand.Read(run[:]) // never fails
	each, err := shareConnections(cfg)
	if err != nil {
		return nil, err
	}
	l := &Load{cfg: cfg}
	for i := range cfg.Clients {
		first := i % len(cfg.Client.Addresses)
		each.Addresses = slices.Concat(cfg.Client.Addresses[first:], cfg.Client.Addresses[:first])
		client, err := lockd.New(each)
		if err != nil {
			return nil, err
		}
		l.clients = append(l.clients, client)
		l.leases = append(l.leases, fmt.Sprintf("%s%s.%d", cfg.Prefix, hex.EncodeToString(run[:]), i))
	}
	return l, nil
}

// shareConnections returns the configuration of each client, except for its addresses.
func shareConnections(cfg Config) (lockd.Config, error) {
	each := cfg.Client
	each.RetryFor, each.RequestTimeout = -1, min(each.RequestTimeout, leaseTTL/requestsPerTTL)
	if each.HTTPClient != nil {
		return each, nil
	}
	shared, err := lockd.NewHTTPClient(each)
	if err != nil {
		return lockd.Config{}, err
	}
	if transport, ok := shared.Transport.(*http.Transport); ok {
		transport.MaxIdleConnsPerHost = cfg.Clients
	}
	each.HTTPClient, each.CAFile, each.CertFile, each.KeyFile = shared, "", "", ""
	return each, nil
}

// Run creates the load, and releases all leases at the end. If the Count of the result is 0, nothing was measured, and
// the error has the reason. If leases could not be released, there is an error in addition to the result.
func (l *Load) Run(ctx context.Context) (load.Result, error) {
	result, err := l.measure(ctx)
	// After an interrupt the leases must still be released.
	if left := l.release(context.WithoutCancel(ctx)); left != nil {
		err = errors.Join(err, fmt.Errorf("not all leases were released; they expire within %v: %w", l.ttl(), left))
	}
	return result, err
}

func (l *Load) measure(ctx context.Context) (load.Result, error) {
	do, prepare := l.operation()
	if prepare {
		if err := l.each(func(i int) error {
			_, err := l.acquire(ctx, i)
			return err
		}); err != nil {
			return load.Result{}, err
		}
	}
	plan := load.Plan{Workers: len(l.clients), Rate: float64(l.cfg.Rate), Duration: l.cfg.Duration, Progress: l.cfg.Progress}
	r, err := load.Run(ctx, plan, func(ctx context.Context, i int) error {
		return do(context.WithoutCancel(ctx), i) // an operation that has started is measured to its end
	})
	if err != nil {
		return load.Result{}, err
	}
	if r.Count == 0 {
		return load.Result{}, errors.Join(r.FirstErr, ctx.Err()) // nothing was measured
	}
	return r, nil
}

// operation returns the measured operation, and whether each client must hold its lease for it.
func (l *Load) operation() (do load.Work, held bool) {
	switch l.cfg.Work {
	case Acquire:
		return func(ctx context.Context, i int) error {
			lease, err := l.acquire(ctx, i)
			if err != nil {
				return err
			}
			return lease.Release(ctx)
		}, false
	case Read:
		return func(ctx context.Context, i int) error {
			_, err := l.clients[i].Get(ctx, l.leases[i])
			return err
		}, true
	}
	return func(ctx context.Context, i int) error {
		_, err := l.clients[i].Renew(ctx, l.leases[i], lockd.RenewOptions{})
		return err
	}, true
}

// acquire acquires the lease of a client.
func (l *Load) acquire(ctx context.Context, i int) (*lockd.Lease, error) {
	return l.clients[i].Acquire(ctx, l.leases[i], lockd.AcquireOptions{TTL: l.ttl()})
}

// ttl returns the TTL of the leases. Leases that are only read are not renewed.
func (l *Load) ttl() time.Duration {
	if l.cfg.Work == Read {
		return leaseTTL + l.cfg.Duration
	}
	return leaseTTL
}

func (l *Load) release(ctx context.Context) error {
	return l.each(func(i int) error {
		_, err := l.clients[i].ReleaseSession(ctx)
		return err
	})
}

// each runs do for every client, many at the same time.
func (l *Load) each(do func(i int) error) error {
	const most = 64
	var group errgroup.Group
	group.SetLimit(most)
	for i := range l.clients {
		group.Go(func() error { return do(i) })
	}
	return group.Wait()
}

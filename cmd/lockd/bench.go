package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/load"
)

// benchOptions say what load to make.
type benchOptions struct {
	work     string
	clients  int
	duration time.Duration
	rate     int
	names    string
}

// benchPrefix begins every name that the load takes: a slip never takes a lease
// that somebody works under.
const benchPrefix = "bench."

func newBenchCommand(c *cli) *cobra.Command {
	opts := benchOptions{work: "renew", clients: 16, duration: 10 * time.Second, names: benchPrefix}
	cmd := &cobra.Command{
		Use:   "bench [--work acquire|renew|read]",
		Short: "Measure a cluster under load",
		Long: `Measure a cluster under load: acquires, each with its release, renewals, or
linearizable reads. Each client is a session with a lease of its own, whose name
is new and begins with ` + benchPrefix + `; all are given back at the end, and
when it is interrupted.

Without --rate each client begins its next operation when the last has ended,
which finds what the cluster can do. With --rate so many are begun a second,
whatever the answers, and latencies count from when an operation was due, so
that a stall is in the figures of all that it held up.

Clients use the nodes of --addr in turn. The load is real: others feel it.`,
		Example: "  lockd bench --work acquire --clients 64\n  lockd bench --work renew --rate 500 --duration 1m -o json",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := c.newBench(opts)
			if err != nil {
				return err
			}
			result, err := b.run(cmd.Context())
			if result == (benchResult{}) {
				return inWords(cmd, err) // nothing was measured
			}
			if err != nil {
				err = inWords(cmd, err)
			}
			return errors.Join(c.print(result, result.table()), err)
		},
	}
	const mostClients, mostRate, mostDuration = 1024, 1_000_000, time.Hour
	flags := cmd.Flags()
	flags.Var(oneOf(&opts.work, "acquire", "renew", "read"), "work", "what to measure")
	flags.Var(numberOf(&opts.clients, 1, mostClients), "clients", "how many operations may run at once")
	flags.Var(durationOf(&opts.duration, 100*time.Millisecond, mostDuration), "duration", "for how long")
	flags.Var(numberOf(&opts.rate, 1, mostRate), "rate", "operations begun a second (default as many as there can be)")
	flags.Var(textOf(&opts.names, "prefix", "a text that begins with "+benchPrefix, func(s string) bool {
		return strings.HasPrefix(s, benchPrefix)
	}), "names", "what the names of the leases begin with")
	return cmd
}

// A bench is clients and what they do.
type bench struct {
	benchOptions
	clients []*lockd.Client
	leases  []string // of each client
}

// benchTTL is for longer than a slow answer takes, and no longer than others would
// mind if this program were killed. Renewals of up to a minute cost no disk.
const benchTTL = time.Minute

// newBench makes the clients. They begin with different nodes, repeat nothing that
// failed, and share connections.
func (c *cli) newBench(opts benchOptions) (*bench, error) {
	const perTTL = 3 // a client that is late once or twice still holds its lease
	if least := perTTL * opts.clients / int(benchTTL.Seconds()); opts.rate > 0 && opts.rate < least && opts.work == "renew" {
		return nil, usageError{fmt.Errorf("--rate %d is too low for %d clients, whose leases would expire: want at least %d", opts.rate, opts.clients, least)}
	}
	var run [4]byte
	rand.Read(run[:]) // never fails
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = opts.clients, opts.clients
	b := &bench{benchOptions: opts}
	for i := range opts.clients {
		first := i % len(c.addrs)
		client, err := lockd.New(lockd.Config{
			Addresses: append(append([]string{}, c.addrs[first:]...), c.addrs[:first]...),
			RetryFor:  -1, RequestTimeout: min(c.timeout, benchTTL/perTTL), HTTPClient: &http.Client{Transport: transport},
		})
		if err != nil {
			return nil, usageError{err}
		}
		b.clients = append(b.clients, client)
		b.leases = append(b.leases, fmt.Sprintf("%s%s.%d", opts.names, hex.EncodeToString(run[:]), i))
	}
	return b, nil
}

// run makes the load, and gives back what it took, however it ends.
func (b *bench) run(ctx context.Context) (benchResult, error) {
	result, err := b.measure(ctx)
	// Interrupted, it still has its leases to give back.
	if left := b.release(context.WithoutCancel(ctx)); left != nil {
		err = errors.Join(err, fmt.Errorf("not all leases were given back; they end by themselves within %v: %w", b.ttl(), left))
	}
	return result, err
}

func (b *bench) measure(ctx context.Context) (benchResult, error) {
	do, prepare := b.operation()
	if prepare {
		if err := b.each(func(i int) error {
			_, err := b.acquire(ctx, i)
			return err
		}); err != nil {
			return benchResult{}, err
		}
	}
	plan := load.Plan{Workers: len(b.clients), Rate: float64(b.rate), Duration: b.duration}
	r, err := load.Run(ctx, plan, func(ctx context.Context, i int) error {
		return do(context.WithoutCancel(ctx), i) // what was begun is measured to its end
	})
	if err != nil {
		return benchResult{}, err
	}
	if r.Count == 0 {
		return benchResult{}, errors.Join(r.FirstErr, ctx.Err()) // nothing was measured
	}
	return newBenchResult(b.benchOptions, r), nil
}

// operation is what is measured, and whether each client must hold its lease for it.
func (b *bench) operation() (do load.Work, held bool) {
	switch b.work {
	case "acquire":
		return func(ctx context.Context, i int) error {
			l, err := b.acquire(ctx, i)
			if err != nil {
				return err
			}
			return l.Release(ctx)
		}, false
	case "read":
		return func(ctx context.Context, i int) error {
			_, err := b.clients[i].Get(ctx, b.leases[i])
			return err
		}, true
	}
	return func(ctx context.Context, i int) error {
		_, err := b.clients[i].Renew(ctx, b.leases[i], lockd.RenewOptions{})
		return err
	}, true
}

// acquire takes a client's lease.
func (b *bench) acquire(ctx context.Context, i int) (*lockd.Lease, error) {
	return b.clients[i].Acquire(ctx, b.leases[i], lockd.AcquireOptions{TTL: b.ttl()})
}

// ttl is that of each lease. Where they are read nothing renews them.
func (b *bench) ttl() time.Duration {
	if b.work == "read" {
		return benchTTL + b.duration
	}
	return benchTTL
}

func (b *bench) release(ctx context.Context) error {
	return b.each(func(i int) error {
		_, err := b.clients[i].ReleaseSession(ctx)
		return err
	})
}

// each does something for every client, many at once.
func (b *bench) each(do func(i int) error) error {
	const most = 64
	var group errgroup.Group
	group.SetLimit(most)
	for i := range b.clients {
		group.Go(func() error { return do(i) })
	}
	return group.Wait()
}

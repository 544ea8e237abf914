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
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/load"
)

// benchOptions describe the load.
type benchOptions struct {
	work     string
	clients  int
	duration time.Duration
	rate     int
	names    string
}

// benchPrefix starts every name that the load uses, so that a mistake never acquires a lease that
// other programs use.
const benchPrefix = "bench."

func newBenchCommand(c *cli) *cobra.Command {
	opts := benchOptions{work: "renew", clients: 16, duration: 10 * time.Second, names: benchPrefix}
	cmd := &cobra.Command{
		Use:   "bench [--work acquire|renew|read]",
		Short: "Measure a cluster under load",
		Long: `Measure a cluster under load: acquires, each with its release, renewals, or
linearizable reads. Each client has its own session and its own lease, with a new
name that starts with ` + benchPrefix + ` (--names). All leases are released at the end, and
after an interrupt.

Without --rate, each client starts its next operation when the last one has ended.
This measures the capacity of the cluster. With --rate, that many operations start
per second, whatever the responses. Latencies then count from when an operation was
due, so that a stall is included in the latency of every operation that it delayed.

Clients are distributed over the nodes of --addr. The load is real: it slows down
other clients.`,
		Example: "  lockd bench --work acquire --clients 64\n  lockd bench --work renew --rate 500 --duration 1m -o json",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := c.newBench(opts)
			if err != nil {
				return err
			}
			result, err := b.run(cmd.Context())
			if result == (benchResult{}) {
				return explain(cmd, err) // nothing was measured
			}
			if err != nil {
				err = explain(cmd, err)
			}
			return errors.Join(c.print(result, result.table()), err)
		},
	}
	const mostClients, mostRate, mostDuration = 1024, 1_000_000, time.Hour
	flags := cmd.Flags()
	flags.Var(config.OneOf(&opts.work, "acquire", "renew", "read"), "work", "what to measure")
	flags.Var(config.Number(&opts.clients, 1, mostClients), "clients", "number of clients; each runs one operation at a time")
	flags.Var(config.Duration(&opts.duration, 100*time.Millisecond, mostDuration), "duration", "duration of the measurement")
	flags.Var(config.Number(&opts.rate, 1, mostRate), "rate", "operations started per second (default: as many as possible)")
	flags.Var(config.Text(&opts.names, "prefix", "a text that begins with "+benchPrefix, func(s string) bool {
		return strings.HasPrefix(s, benchPrefix)
	}), "names", "prefix of the lease names")
	return cmd
}

// A bench is a set of clients and the load that they create.
type bench struct {
	benchOptions
	clients []*lockd.Client
	leases  []string // one per client
}

// benchTTL is longer than a slow response takes, and short enough that the leases expire soon if
// this program is killed. Renewals of TTLs up to a minute are not written to disk.
const benchTTL = time.Minute

// newBench creates the clients. They start with different nodes, do not retry, and share
// connections.
func (c *cli) newBench(opts benchOptions) (*bench, error) {
	const perTTL = 3 // a client that is late once or twice still holds its lease
	if least := perTTL * opts.clients / int(benchTTL.Seconds()); opts.rate > 0 && opts.rate < least && opts.work == "renew" {
		return nil, usageError{fmt.Errorf("--rate %d is too low for %d clients: their leases would expire; pass at least %d", opts.rate, opts.clients, least)}
	}
	var run [4]byte
	rand.Read(run[:]) // never fails
	shared, err := c.tls.httpClient()
	if err != nil {
		return nil, err
	}
	shared.Transport.(*http.Transport).MaxIdleConnsPerHost = opts.clients
	b := &bench{benchOptions: opts}
	for i := range opts.clients {
		first := i % len(c.addrs)
		client, err := lockd.New(lockd.Config{
			Addresses: append(append([]string{}, c.addrs[first:]...), c.addrs[:first]...),
			RetryFor:  -1, RequestTimeout: min(c.timeout, benchTTL/perTTL), HTTPClient: shared,
		})
		if err != nil {
			return nil, usageError{err}
		}
		b.clients = append(b.clients, client)
		b.leases = append(b.leases, fmt.Sprintf("%s%s.%d", opts.names, hex.EncodeToString(run[:]), i))
	}
	return b, nil
}

// run creates the load, and releases all leases at the end.
func (b *bench) run(ctx context.Context) (benchResult, error) {
	result, err := b.measure(ctx)
	// After an interrupt the leases must still be released.
	if left := b.release(context.WithoutCancel(ctx)); left != nil {
		err = errors.Join(err, fmt.Errorf("not all leases were released; they expire within %v: %w", b.ttl(), left))
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
		return do(context.WithoutCancel(ctx), i) // an operation that has started is measured to its end
	})
	if err != nil {
		return benchResult{}, err
	}
	if r.Count == 0 {
		return benchResult{}, errors.Join(r.FirstErr, ctx.Err()) // nothing was measured
	}
	return newBenchResult(b.benchOptions, r), nil
}

// operation returns the measured operation, and whether each client must hold its lease for it.
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

// acquire acquires the lease of a client.
func (b *bench) acquire(ctx context.Context, i int) (*lockd.Lease, error) {
	return b.clients[i].Acquire(ctx, b.leases[i], lockd.AcquireOptions{TTL: b.ttl()})
}

// ttl returns the TTL of the leases. Leases that are only read are not renewed.
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

// each runs do for every client, many at the same time.
func (b *bench) each(do func(i int) error) error {
	const most = 64
	var group errgroup.Group
	group.SetLimit(most)
	for i := range b.clients {
		group.Go(func() error { return do(i) })
	}
	return group.Wait()
}

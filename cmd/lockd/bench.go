package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/load/leases"
	"github.com/lockd/lockd/internal/load/report"
)

// benchPrefix starts every name that the load uses, so that a mistake never acquires a lease that
// other programs use.
const benchPrefix = "bench."

func newBenchCommand(c *cli) *cobra.Command {
	opts := leases.Config{Work: leases.Renew, Clients: 16, Duration: 10 * time.Second, Prefix: benchPrefix}
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
			if least := leases.MinRate(opts); opts.Rate > 0 && opts.Rate < least {
				return usageError{fmt.Errorf("--rate %d is too low for %d clients: their leases would expire; pass at least %d", opts.Rate, opts.Clients, least)}
			}
			opts.Client.Addresses, opts.Client.RequestTimeout = c.addrs, c.timeout
			if err := c.configure(&opts.Client); err != nil {
				return err
			}
			if console.IsTerminal(cmd.ErrOrStderr()) {
				opts.Progress = report.Progress(c.status, opts.Work, opts.Duration)
			}
			l, err := leases.New(opts)
			if err != nil {
				return usageError{err}
			}
			measured, err := l.Run(cmd.Context())
			err = describeRefusal(cmd, err)
			if measured.Count == 0 {
				return err
			}
			result := report.New(opts, measured)
			return errors.Join(c.print(result, result.Table()), err)
		},
	}
	const mostClients, mostRate, mostDuration = 1024, 1_000_000, time.Hour
	flags := cmd.Flags()
	flags.Var(config.OneOf(&opts.Work, leases.Acquire, leases.Renew, leases.Read), "work", "what to measure")
	flags.Var(config.Number(&opts.Clients, 1, mostClients), "clients", "number of clients; each runs one operation at a time")
	flags.Var(config.Duration(&opts.Duration, 100*time.Millisecond, mostDuration), "duration", "duration of the measurement")
	flags.Var(config.Number(&opts.Rate, 1, mostRate), "rate", "operations started per second (default: as many as possible)")
	flags.Var(config.Text(&opts.Prefix, "prefix", "a text that begins with "+benchPrefix, func(s string) bool {
		return strings.HasPrefix(s, benchPrefix)
	}), "names", "prefix of the lease names")
	return cmd
}

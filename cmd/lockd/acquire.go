package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console/leases"
	"github.com/lockd/lockd/internal/console/waiting"
	"github.com/lockd/lockd/internal/fsm"
)

func newAcquireCommand(c *cli) *cobra.Command {
	var opts lockd.AcquireOptions
	var meta config.Object
	cmd := &cobra.Command{
		Use:   "acquire NAME [NAME...]",
		Short: "Acquire a lease, with an optional wait, or several leases in one step",
		Long: `Acquire a lease, with an optional wait. The lease expires after its TTL unless it
is renewed: keep the printed session for renew and release.

Several leases are acquired in one step, or none of them, and never with a wait.`,
		Example:           "  lockd acquire nightly-report --wait 30s --priority 10\n  lockd acquire account.17 account.42",
		ValidArgsFunction: c.names(fsm.MaxNames, nil),
		Args:              arguments(fsm.MaxNames, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Meta = meta.Meta()
			switch {
			case len(args) > 1:
				return c.acquireAll(cmd, args, opts)
			case opts.Reclaim && opts.Session == "":
				return usageError{errors.New("--reclaim needs --session; pass the session that already holds the lease")}
			}
			return c.run(cmd, opts.Wait-c.releasePart(), func(ctx context.Context, client *lockd.Client) error {
				l, err := c.acquire(ctx, cmd, client, args[0], opts)
				if err != nil {
					return err
				}
				g := l.Grant()
				return c.print(g, leases.GrantTables(g)...)
			})
		},
	}
	flags := cmd.Flags()
	flags.Var(ttlOf(&opts.TTL), "ttl", "how long the lease lasts unless it is renewed (default 15s)")
	flags.Var(config.Duration(&opts.Wait, 0, 0), "wait", "how long to wait in the queue")
	flags.StringVar(&opts.Holder, "holder", "", "public label of the holder (default host/pid)")
	c.sessionFlags(cmd, &opts.Session, false, "secret of the holder (default a random one)")
	flags.Var(config.Number(&opts.Limit, 1, fsm.MaxLimit), "limit", "how many sessions may hold the lease at the same time (default 1)")
	flags.Var(config.Duration(&opts.Delay, 0, millis(fsm.MaxDelay)), "delay", "how long the lease stays free after this hold expires or is broken")
	flags.Var(config.Number(&opts.Priority, fsm.MinPriority, fsm.MaxPriority), "priority", "priority in the queue: higher values first, equal values in order of arrival (default 0)")
	flags.BoolVar(&opts.Reclaim, "reclaim", false, "if the session already holds the lease, give it a new token, which fences off an earlier run of the process")
	flags.Var(&meta, "meta", "JSON object that every reader of the lease can see")
	config.Bind(flags, "holder")
	return cmd
}

// acquire acquires a lease, and shows the progress of the wait.
func (c *cli) acquire(ctx context.Context, cmd *cobra.Command, client *lockd.Client, name string, opts lockd.AcquireOptions) (l *lockd.Lease, err error) {
	p := waiting.Progress{Client: client, Name: name, Holder: opts.Holder, To: c.status}
	c.onTerminal(cmd, &p)
	show := p.Run
	if opts.Wait == 0 {
		show = func(context.Context) {}
	}
	waiting.During(ctx, show, func() { l, err = client.Acquire(ctx, name, opts) })
	return l, err
}

// acquireAll acquires several leases in one step.
func (c *cli) acquireAll(cmd *cobra.Command, names []string, opts lockd.AcquireOptions) error {
	for _, single := range []string{"wait", "limit", "delay", "priority", "reclaim"} {
		if cmd.Flags().Changed(single) {
			return usageError{fmt.Errorf("--%s applies to one lease only: several leases are acquired in one step, without a wait and with a limit of 1", single)}
		}
	}
	all := lockd.AcquireAllOptions{TTL: opts.TTL, Meta: opts.Meta, Holder: opts.Holder, Session: opts.Session}
	return c.run(cmd, -c.releasePart(), func(ctx context.Context, client *lockd.Client) error {
		acquired, err := client.AcquireAll(ctx, names, all)
		if err != nil {
			return err
		}
		var grants []lockd.Grant
		for _, l := range acquired {
			grants = append(grants, l.Grant())
		}
		return c.print(grants, leases.GrantTables(grants...)...)
	})
}

// ttlOf returns the value of a TTL flag. If the flag is not given, the cluster chooses the TTL.
func ttlOf(to *time.Duration) *config.Value[time.Duration] {
	return config.Duration(to, millis(fsm.MinTTL), millis(fsm.MaxTTL))
}

func millis(m fsm.Millis) time.Duration { return time.Duration(m) * time.Millisecond }

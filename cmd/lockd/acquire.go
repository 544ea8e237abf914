package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/fsm"
)

func newAcquireCommand(c *cli) *cobra.Command {
	var opts lockd.AcquireOptions
	var meta object
	cmd := &cobra.Command{
		Use:   "acquire NAME [NAME...]",
		Short: "Take a lease, or wait for it; or take several",
		Long: `Take a lease, or wait for it. It ends by itself after its TTL unless it is
renewed: keep the session that is printed for renew and release.

Several leases are taken in one step, or none of them, and never waited for.`,
		Example: "  lockd acquire nightly-report --wait 30s --priority 10\n  lockd acquire account.17 account.42",
		Args:    arguments(fsm.MaxNames, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Meta = meta.meta()
			switch {
			case len(args) > 1:
				return c.acquireAll(cmd, args, opts)
			case opts.Reclaim && opts.Session == "":
				return usageError{errors.New("--reclaim needs --session: the one that held the lease before")}
			}
			return c.run(cmd, opts.Wait-c.releasePart(), func(ctx context.Context, client *lockd.Client) error {
				l, err := client.Acquire(ctx, args[0], opts)
				if err != nil {
					return err
				}
				g := l.Grant()
				return c.print(g, grantTables(g)...)
			})
		},
	}
	flags := cmd.Flags()
	flags.Var(ttlOf(&opts.TTL), "ttl", "how long the lease lasts unless it is renewed (default 15s)")
	flags.Var(durationOf(&opts.Wait, 0, 0), "wait", "how long to stand in the queue")
	flags.StringVar(&opts.Holder, "holder", "", "public label of who holds (default host/pid)")
	flags.StringVar(&opts.Session, "session", "", "secret of the holder (default a random one)")
	flags.Var(numberOf(&opts.Limit, 1, fsm.MaxLimit), "limit", "how many may hold at once (default 1)")
	flags.Var(durationOf(&opts.Delay, 0, millis(fsm.MaxDelay)), "delay", "how long nobody gets the lease after this hold expired or was broken")
	flags.Var(numberOf(&opts.Priority, fsm.MinPriority, fsm.MaxPriority), "priority", "place in the queue: the highest first, then first come, first served (default 0)")
	flags.BoolVar(&opts.Reclaim, "reclaim", false, "give the session a new token if it holds the lease already, so that an older self is refused")
	flags.Var(&meta, "meta", "what every reader sees with the hold")
	bindable(flags, "holder", "session")
	return cmd
}

// acquireAll takes several leases together.
func (c *cli) acquireAll(cmd *cobra.Command, names []string, opts lockd.AcquireOptions) error {
	for _, single := range []string{"wait", "limit", "delay", "priority", "reclaim"} {
		if cmd.Flags().Changed(single) {
			return usageError{fmt.Errorf("--%s is for one lease: several are taken together or not at all, and have a limit of 1", single)}
		}
	}
	all := lockd.AcquireAllOptions{TTL: opts.TTL, Meta: opts.Meta, Holder: opts.Holder, Session: opts.Session}
	return c.run(cmd, -c.releasePart(), func(ctx context.Context, client *lockd.Client) error {
		leases, err := client.AcquireAll(ctx, names, all)
		if err != nil {
			return err
		}
		var grants []lockd.Grant
		for _, l := range leases {
			grants = append(grants, l.Grant())
		}
		return c.print(grants, grantTables(grants...)...)
	})
}

// ttlOf takes a TTL. None is not the same as 0s: it leaves the choice to the cluster.
func ttlOf(to *time.Duration) *value[time.Duration] {
	return durationOf(to, millis(fsm.MinTTL), millis(fsm.MaxTTL))
}

func millis(m fsm.Millis) time.Duration { return time.Duration(m) * time.Millisecond }

// grantTables show what is held and, where an operator asked for it back, that.
func grantTables(grants ...lockd.Grant) []*table {
	var holders []lockd.HolderState
	t := &table{head: "NAME\tHOLDER\tSESSION\tTOKEN\tSLOT\tTTL\tEXPIRES-IN"}
	for _, g := range grants {
		t.add(g.Name, g.Holder, g.Session, token(g.Token), number(g.Slot), duration(g.TTL), duration(g.ExpiresIn))
		holders = append(holders, lockd.HolderState{Holder: g.Holder, Token: g.Token, StepDown: g.StepDown})
	}
	return append([]*table{t}, stepDownTables(holders)...)
}

package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/fsm"
)

func newAcquireCommand(c *cli) *cobra.Command {
	var opts lockd.AcquireOptions
	var meta object
	cmd := &cobra.Command{
		Use:   "acquire NAME",
		Short: "Take a lease, or wait for it",
		Long: `Take a lease, or wait for it. It ends by itself after its TTL unless it is
renewed: keep the session that is printed for renew and release.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Meta = meta.meta()
			return c.run(cmd, opts.Wait, func(ctx context.Context, client *lockd.Client) error {
				l, err := client.Acquire(ctx, args[0], opts)
				if err != nil {
					return err
				}
				g := l.Grant()
				return c.print(g, grantTable(g))
			})
		},
	}
	flags := cmd.Flags()
	flags.Var(ttlOf(&opts.TTL), "ttl", "how long the lease lasts unless it is renewed (default 15s)")
	flags.Var(durationOf(&opts.Wait, 0, 0), "wait", "how long to stand in the queue")
	flags.StringVar(&opts.Holder, "holder", "", "public label of who holds (default host/pid)")
	flags.StringVar(&opts.Session, "session", "", "secret of the holder (default a random one)")
	flags.Var(numberOf(&opts.Limit, 1, fsm.MaxLimit), "limit", "how many may hold at once (default 1)")
	flags.Var(durationOf(&opts.Delay, 0, millis(fsm.MaxDelay)), "delay", "how long the lease stays free after this hold expired or was broken")
	flags.Var(&meta, "meta", "what every reader sees with the hold")
	bindable(flags, "holder", "session")
	return cmd
}

// ttlOf takes a TTL. None is not the same as 0s: it leaves the choice to the cluster.
func ttlOf(to *time.Duration) *value[time.Duration] {
	return durationOf(to, millis(fsm.MinTTL), millis(fsm.MaxTTL))
}

func millis(m fsm.Millis) time.Duration { return time.Duration(m) * time.Millisecond }

func grantTable(g lockd.Grant) *table {
	t := &table{head: "NAME\tHOLDER\tSESSION\tTOKEN\tSLOT\tTTL\tEXPIRES-IN"}
	t.add(g.Name, g.Holder, g.Session, token(g.Token), number(g.Slot), duration(g.TTL), duration(g.ExpiresIn))
	return t
}

package main

import (
	"context"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/leases"
)

func newExplainCommand(c *cli) *cobra.Command {
	var opts lockd.ExplainOptions
	cmd := &cobra.Command{
		Use:   "explain NAME",
		Short: "Explain why a lease is not free",
		Long: `Explain why a lease is not free: who holds it, since when and until when at the
latest, who waits, how its last hold ended, and what would free it sooner.

With a session, also explain what that session has of the lease: its place in the
queue and the waiters before it, or how its last hold ended and who ended it.`,
		Example:           "  lockd explain nightly-report\n  LOCKD_SESSION=w1-5f0c61b2a9d4e3 lockd explain nightly-report",
		ValidArgsFunction: c.names(1, nil),
		Args:              arguments(1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.read(cmd, func(ctx context.Context, client *lockd.Client) error {
				e, err := client.Explain(ctx, args[0], opts)
				if err != nil {
					return err
				}
				if c.output == console.FormatJSON {
					return c.print(e)
				}
				return leases.PrintExplanation(c.out, e, console.NewStyle(c.out))
			})
		},
	}
	cmd.Flags().BoolVar(&opts.Stale, "stale", false, "let the node answer from its own state, without the leader")
	c.sessionFlags(cmd, &opts.Session, false, "also explain what this session has of the lease")
	return cmd
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console/cells"
	"github.com/lockd/lockd/internal/console/suggest"
	"github.com/lockd/lockd/internal/fsm"
)

func newBreakCommand(c *cli) *cobra.Command {
	var opts lockd.BreakOptions
	var grace time.Duration
	var yes bool
	cmd := &cobra.Command{
		Use:   "break NAME --token TOKEN --reason REASON",
		Short: "End the hold of another session",
		Long: `End the hold of another session. Renewals are refused at once. The lease is free
when the last TTL granted to the holder ends. --grace 0s frees it now, although the
holder may not know yet. The token identifies the hold, so that a repeat never ends
a later hold.`,
		Example:           "  lockd break nightly-report --token 7 --reason 'worker-3 hangs'",
		ValidArgsFunction: c.names(1, nil),
		Args:              arguments(1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("grace") {
				opts.Grace = &grace
			}
			question := fmt.Sprintf("Break the hold on %s with token %d?", args[0], opts.Token)
			if err := c.confirm(cmd, yes, question); err != nil {
				return err
			}
			return c.run(cmd, 0, func(ctx context.Context, client *lockd.Client) error {
				b, err := client.Break(ctx, args[0], opts)
				if err != nil {
					return err
				}
				t := &table{Head: "NAME\tTOKEN\tFREE-IN"}
				t.Add(b.Name, cells.Token(b.Token), cells.Duration(b.AvailableIn))
				return c.print(b, t)
			})
		},
	}
	flags := cmd.Flags()
	flags.Var(tokenOf(&opts.Token), "token", "token of the hold")
	flags.StringVar(&opts.Reason, "reason", "", "reason, recorded in the history")
	flags.Var(config.Duration(&grace, 0, millis(fsm.MaxGrace)), "grace", "time until the lease is free (default until the last TTL granted to the holder ends)")
	flags.BoolVarP(&yes, "yes", "y", false, "do not ask for confirmation")
	required(cmd, "token")
	completeFlag(cmd, "token", c.complete(suggest.Tokens))
	required(cmd, "reason")
	return cmd
}

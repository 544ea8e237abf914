package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console/leases"
	"github.com/lockd/lockd/internal/console/suggest"
	"github.com/lockd/lockd/internal/fsm"
)

func newStepDownCommand(c *cli) *cobra.Command {
	var opts lockd.StepDownOptions
	cmd := &cobra.Command{
		Use:   "step-down NAME --token TOKEN",
		Short: "Request that a holder hands over the lease",
		Long: `Request that a holder hands over the lease, for example before maintenance of its
machine. The request does not end the hold: the holder receives it with its next
renewal, and transfers or releases the lease when it is safe. The token identifies the
hold, so that a repeat never reaches a later hold. If the holder does not react, use
break.`,
		Example:           "  lockd step-down nightly-report --token 7 --to worker-2 --within 30s",
		ValidArgsFunction: c.names(1, nil),
		Args:              arguments(1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.run(cmd, 0, func(ctx context.Context, client *lockd.Client) error {
				a, err := client.AskToStepDown(ctx, args[0], opts)
				if err != nil {
					return err
				}
				return c.print(a, leases.StepDownTables([]lockd.HolderState{{Holder: a.Holder, Token: a.Token, StepDown: &a.StepDown}})...)
			})
		},
	}
	flags := cmd.Flags()
	flags.Var(tokenOf(&opts.Token), "token", "token of the hold")
	flags.StringVar(&opts.To, "to", "", "label that should get the lease (default: the holder chooses)")
	flags.Var(config.Duration(&opts.Within, time.Millisecond, millis(fsm.MaxWithin)), "within", "time limit (default none)")
	required(cmd, "token")
	completeFlag(cmd, "token", c.complete(suggest.Tokens))
	completeFlag(cmd, "to", c.complete(suggest.Waiters))
	return cmd
}

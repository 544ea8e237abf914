package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/fsm"
)

func newStepDownCommand(c *cli) *cobra.Command {
	var opts lockd.StepDownOptions
	cmd := &cobra.Command{
		Use:   "step-down NAME --token TOKEN",
		Short: "Ask a holder to hand over",
		Long: `Ask a holder to hand over, before work on its machine, say. It takes nothing:
the holder learns of it when it renews, and transfers or releases the lease when
that is safe. The token names the hold, so that a repeat never reaches a
successor. Where the holder does not heed it, there is break.`,
		Args: arguments(1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.run(cmd, 0, func(ctx context.Context, client *lockd.Client) error {
				a, err := client.AskToStepDown(ctx, args[0], opts)
				if err != nil {
					return err
				}
				return c.print(a, stepDownTables([]lockd.HolderState{{Holder: a.Holder, Token: a.Token, StepDown: &a.StepDown}})...)
			})
		},
	}
	flags := cmd.Flags()
	flags.Var(tokenOf(&opts.Token), "token", "token of the hold")
	flags.StringVar(&opts.To, "to", "", "label that should get the lease (default as the holder chooses)")
	flags.Var(durationOf(&opts.Within, time.Millisecond, millis(fsm.MaxWithin)), "within", "how soon (default no time is given)")
	required(cmd, "token")
	return cmd
}

// stepDownTables are a table with a row for each holder that was asked, or none.
func stepDownTables(holders []lockd.HolderState) []*table {
	t := &table{head: "ASKED-TO-STEP-DOWN\tTOKEN\tTO\tWITHIN"}
	for _, h := range holders {
		if h.StepDown != nil {
			t.add(h.Holder, token(h.Token), h.StepDown.To, maybe(h.StepDown.Within, left))
		}
	}
	if len(t.rows) == 0 {
		return nil
	}
	return []*table{t}
}

// left shows what is left of a time that somebody was given.
func left(m lockd.Millis) string {
	if m <= 0 {
		return "over"
	}
	return duration(m)
}

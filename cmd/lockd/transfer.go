package main

import (
	"context"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console/cells"
	"github.com/lockd/lockd/internal/console/suggest"
)

func newTransferCommand(c *cli) *cobra.Command {
	var opts lockd.TransferOptions
	cmd := &cobra.Command{
		Use:               "transfer NAME --session SESSION --to HOLDER",
		Short:             "Transfer a lease to a waiter",
		Example:           "  lockd transfer nightly-report --session-file session --to worker-2",
		ValidArgsFunction: c.names(1, nil),
		Args:              arguments(1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.run(cmd, 0, func(ctx context.Context, client *lockd.Client) error {
				r, err := client.Transfer(ctx, args[0], opts)
				if err != nil {
					return err
				}
				t := &table{Head: "NAME\tTO\tTOKEN\tHELD"}
				t.Add(r.Name, r.To, cells.Token(r.Token), cells.Span(r.Held))
				return c.print(r, t)
			})
		},
	}
	c.holdFlags(cmd, &opts.Session, &opts.Token)
	cmd.Flags().StringVar(&opts.To, "to", "", "holder label of the waiter")
	required(cmd, "to")
	completeFlag(cmd, "to", c.complete(suggest.Waiters))
	return cmd
}

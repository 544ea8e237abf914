package main

import (
	"context"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console/leases"
)

func newHistoryCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:               "history NAME",
		Short:             "Show the newest events of a name",
		Example:           "  lockd history nightly-report",
		ValidArgsFunction: c.names(1, nil),
		Args:              arguments(1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.read(cmd, func(ctx context.Context, client *lockd.Client) error {
				h, err := client.History(ctx, args[0])
				if err != nil {
					return err
				}
				return c.print(h, leases.HistoryTable(h.Events))
			})
		},
	}
}

package main

import (
	"context"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console/leases"
)

func newGetCommand(c *cli) *cobra.Command {
	var stale bool
	cmd := &cobra.Command{
		Use:               "get NAME",
		Short:             "Show a lease, its holders and its queue",
		Example:           "  lockd get nightly-report\n  lockd get nightly-report -o json | jq -r .holder",
		ValidArgsFunction: c.names(1, nil),
		Args:              arguments(1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var opts []lockd.ReadOption
			if stale {
				opts = append(opts, lockd.Stale())
			}
			return c.read(cmd, func(ctx context.Context, client *lockd.Client) error {
				s, err := client.Get(ctx, args[0], opts...)
				if err != nil {
					return err
				}
				tables := []*table{leases.StateTable(c.wide(), *s)}
				if urls := leases.URLTable(s.Holders); len(urls.Rows) > 0 && !tables[0].Fits(c.screen) {
					tables = append(tables, urls)
				}
				tables = append(tables, leases.StepDownTables(s.Holders)...)
				if len(s.Queue) > 0 {
					tables = append(tables, leases.QueueTable(s.Queue))
				}
				return c.print(s, tables...)
			})
		},
	}
	cmd.Flags().BoolVar(&stale, "stale", false, "let the node answer from its own state, without the leader")
	return cmd
}

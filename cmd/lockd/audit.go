package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console/access"
)

func newAuditCommand(c *cli) *cobra.Command {
	filter := access.AuditFilter{AuditOptions: lockd.AuditOptions{Limit: 100}}
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show the newest records of the audit log of one node",
		Long: `Show the newest records of the audit log of one node: who did what, the newest first.
Each node has its own records, in memory since its start, without renewals. The file of
--audit-log has all of them.

` + socketHelp,
		Example: "  lockd audit --decision deny --since 1h\n  lockd audit --actor billing --action lease. --addr https://10.0.0.1:7400",
		Args:    arguments(0),
	}
	a := newAdministration(c, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.run(cmd, func(ctx context.Context, client *lockd.Client) error {
			page, err := client.Audit(ctx, filter.Options())
			if err != nil {
				return err
			}
			return a.print(page, access.AuditTable(page.Records))
		})
	}
	filter.AddTo(cmd.Flags())
	cmd.Flags().Var(config.Duration(&filter.Last, time.Second, 0), "since", "only records of this time until now (default all)")
	cmd.Flags().Var(config.Number(&filter.Limit, 1, 1_000), "limit", "most records")
	return cmd
}

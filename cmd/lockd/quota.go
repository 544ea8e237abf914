package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console/access"
	"github.com/lockd/lockd/internal/fsm"
)

func newQuotaCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quota",
		Short: "List quotas, and set what a scope may use",
		Long: `List quotas, and set what the leases in a scope may use together. A scope is a whole name,
a prefix that ends in one of . : / _ -, or *. If scopes overlap, a lease counts for the
longest one only.

` + socketHelp,
		Example: "  lockd quota set billing. --leases 1000 --waiters 500 --bytes 8388608 --watchers 50\n  lockd quota list",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	a := newAdministration(c, cmd)
	cmd.AddCommand(newQuotaListCommand(a), newQuotaSetCommand(a), newQuotaDeleteCommand(a))
	return cmd
}

func newQuotaListCommand(a *administration) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List all quotas, and what is used",
		Example: "  lockd quota list",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.run(cmd, func(ctx context.Context, client *lockd.Client) error {
				quotas, err := client.Quotas(ctx)
				if err != nil {
					return err
				}
				return a.print(quotas, access.QuotaTable(quotas...))
			})
		},
	}
}

func newQuotaSetCommand(a *administration) *cobra.Command {
	var q lockd.Quota
	cmd := &cobra.Command{
		Use:   "set SCOPE",
		Short: "Create a quota, or replace its limits",
		Long: `Create a quota, or replace its limits. A limit that is not passed does not limit. What
exists above a new limit stays.

` + socketHelp,
		Example: "  lockd quota set billing. --leases 1000",
		Args:    arguments(1, "SCOPE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if q.Leases|q.Waiters|q.Bytes|q.Watchers == 0 {
				return usageError{fmt.Errorf("want --leases, --waiters, --bytes or --watchers; to remove the limits of %s, delete the quota", args[0])}
			}
			q.Scope = args[0]
			return a.run(cmd, func(ctx context.Context, client *lockd.Client) error {
				set, err := client.SetQuota(ctx, q)
				if err != nil {
					return err
				}
				return a.print(set, access.QuotaTable(*set))
			})
		},
	}
	flags := cmd.Flags()
	flags.Var(config.Number(&q.Leases, 1, fsm.MaxSafeInteger), "leases", "names that are held, in a cooldown or waited for")
	flags.Var(config.Number(&q.Waiters, 1, fsm.MaxSafeInteger), "waiters", "places in all queues")
	flags.Var(config.Number(&q.Bytes, 1, fsm.MaxSafeInteger), "bytes", "bytes of the state")
	flags.Var(config.Number(&q.Watchers, 1, fsm.MaxSafeInteger), "watchers", "open watches at each node")
	return cmd
}

func newQuotaDeleteCommand(a *administration) *cobra.Command {
	return &cobra.Command{
		Use:     "delete SCOPE",
		Short:   "Delete a quota",
		Example: "  lockd quota delete billing.",
		Args:    arguments(1, "SCOPE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd, func(ctx context.Context, client *lockd.Client) error {
				if err := client.DeleteQuota(ctx, args[0]); err != nil {
					return err
				}
				t := &table{Head: "SCOPE\tDONE"}
				t.Add(args[0], "deleted")
				return a.print(map[string]string{"scope": args[0]}, t)
			})
		},
	}
}

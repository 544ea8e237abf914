package main

import (
	"context"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console/leases"
)

func newListCommand(c *cli) *cobra.Command {
	var opts lockd.ListOptions
	cmd := &cobra.Command{
		Use:     "ls",
		Short:   "List the leases that are held, delayed or have waiters",
		Example: "  lockd ls\n  lockd ls --prefix billing. -o wide\n  lockd ls --holder worker-3 -o json",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.read(cmd, func(ctx context.Context, client *lockd.Client) error {
				states := []lockd.State{} // an empty list is [] in JSON
				for l, err := range client.All(ctx, opts) {
					if err != nil {
						return err
					}
					states = append(states, l)
				}
				return c.print(states, leases.StateTable(c.wide(), states...))
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.Prefix, "prefix", "", "only names with this prefix")
	flags.StringVar(&opts.Holder, "holder", "", "only leases with this holder")
	flags.BoolVar(&opts.Stale, "stale", false, "let the node answer from its own state, without the leader")
	return cmd
}

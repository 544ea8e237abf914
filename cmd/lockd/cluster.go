package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console/suggest"
)

func newClusterCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "cluster",
		Short:   "Show and change the members",
		Example: "  lockd cluster status\n  lockd cluster transfer-leader b",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStatusCommand(c), newRemoveCommand(c), newTransferLeaderCommand(c))
	return cmd
}

func newRemoveCommand(c *cli) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:               "remove NODE",
		Short:             "Remove a member, by its name or id",
		Example:           "  lockd cluster remove c",
		ValidArgsFunction: c.complete(suggest.Nodes),
		Args:              arguments(1, "NODE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.confirm(cmd, yes, fmt.Sprintf("Remove %s from the cluster?", args[0])); err != nil {
				return err
			}
			return c.run(cmd, 0, func(ctx context.Context, client *lockd.Client) error {
				if err := client.Remove(ctx, args[0]); err != nil {
					return err
				}
				return c.done("removed", args[0])
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask for confirmation")
	return cmd
}

func newTransferLeaderCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:               "transfer-leader [NODE]",
		Short:             "Make another member the leader, by its name or id",
		Example:           "  lockd cluster transfer-leader b",
		ValidArgsFunction: c.complete(suggest.Nodes),
		Args:              arguments(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var to string
			if len(args) > 0 {
				to = args[0]
			}
			return c.run(cmd, 0, func(ctx context.Context, client *lockd.Client) error {
				before, err := client.Cluster(ctx)
				if err != nil {
					return err
				}
				if err := client.TransferLeader(ctx, to); err != nil {
					return err
				}
				if leads(before, to) {
					return c.done("already leads", to)
				}
				return c.done("transferred", to)
			})
		},
	}
}

// leads reports whether the leader has that name or ID.
func leads(s *lockd.Cluster, node string) bool {
	return slices.ContainsFunc(s.Nodes, func(n lockd.Node) bool { return n.Leader && (n.Name == node || n.ID == node) })
}

// done prints the result of a change of a node.
func (c *cli) done(what, node string) error {
	t := &table{Head: "NODE\tDONE"}
	t.Add(node, what)
	return c.print(map[string]string{"node": node, "done": what}, t)
}

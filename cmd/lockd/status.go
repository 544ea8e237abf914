package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/members"
)

func newStatusCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the quorum, the leader and each member",
		Long: `Show the quorum, the leader and each member.

Every member and every --addr is queried in parallel. A member is UP if it answers.
If its address cannot be reached from here, it is UP if the leader had contact with
it within the last 2 seconds. VERSION is the version of lockd. ENTRIES is the newest
version of log entries that the node reads. LAST-LOG is the term and the index of the
newest entry in its log: after a quorum was permanently lost, the node with the
highest term has the newest data, and among nodes with the same term the one with the
highest index.

Exit codes: 0 a leader and a quorum of the voters are up; 69 there is no leader or no
quorum, or no node answered; 1 any other error.`,
		Example: "  lockd cluster status\n  lockd cluster status -o json | jq .quorum",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.read(cmd, func(ctx context.Context, client *lockd.Client) error {
				v, err := c.view(ctx, client)
				if err != nil {
					return err
				}
				if c.output != console.FormatJSON {
					fmt.Fprintln(c.out, c.screen.Style.Paint(headlineColor(v), v.Headline()))
					for _, line := range v.Warnings() {
						fmt.Fprintln(c.out, c.screen.Style.Paint(console.Yellow, line))
					}
					fmt.Fprintln(c.out)
				}
				if err := c.print(v.Answer(), v.SeenTable(), v.NodeTable()); err != nil {
					return err
				}
				if !v.Served() {
					return exitError{code: exitUnreachable}
				}
				return nil
			})
		},
	}
}

// view queries the nodes in --addr and all members.
func (c *cli) view(ctx context.Context, client *lockd.Client) (*members.View, error) {
	return members.Query(ctx, client, c.addrs, func(address string) (*lockd.Client, error) { return c.clientOf([]string{address}, -1) })
}

func headlineColor(v *members.View) console.Color {
	if v.Served() {
		return console.Green
	}
	return console.Red
}

package main

import (
	"context"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console/cells"
	"github.com/lockd/lockd/internal/fsm"
)

func newReleaseCommand(c *cli) *cobra.Command {
	var opts lockd.ReleaseOptions
	cmd := &cobra.Command{
		Use:               "release NAME --session SESSION",
		Short:             "Release a lease, or leave its queue",
		Example:           "  lockd release nightly-report --session-file session",
		ValidArgsFunction: c.names(1, nil),
		Args:              arguments(1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.run(cmd, 0, func(ctx context.Context, client *lockd.Client) error {
				r, err := client.Release(ctx, args[0], opts)
				if err != nil {
					return err
				}
				t := &table{Head: "NAME\tWAS-HELD\tHELD"}
				t.Add(r.Name, yesNo(r.WasHeld), cells.Span(r.Held))
				return c.print(r, t)
			})
		},
	}
	c.holdFlags(cmd, &opts.Session, &opts.Token)
	cmd.Flags().Var(config.Duration(&opts.Delay, 0, millis(fsm.MaxDelay)), "delay", "how long the lease stays free after the release")
	return cmd
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

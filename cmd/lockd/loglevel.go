package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/loglevel"
)

func newLogLevelCommand(c *cli) *cobra.Command {
	var duration time.Duration
	cmd := &cobra.Command{
		Use:   "log-level [LEVEL]",
		Short: "Show or change the log level of one node",
		Long: `Show or change the log level of one node: debug, info, warn or error. The node keeps it until
it restarts, or for the time of --for.

` + socketHelp,
		Example: "  lockd log-level debug --for 10m --addr https://lock-1.example:7400\n  docker exec lockd1 /lockd log-level",
		Args:    arguments(1),
	}
	a := newAdministration(c, cmd)
	cmd.Flags().Var(config.Duration(&duration, time.Second, 24*time.Hour), "for", "how long the change lasts (default until the node restarts)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(c.addrs) > 1:
			return usageError{errors.New("want one --addr: this command is about one node")}
		case len(args) == 0 && duration > 0:
			return usageError{errors.New("want a level with --for")}
		case len(args) == 1:
			if _, err := loglevel.Parse(args[0]); err != nil {
				return usageError{err}
			}
		}
		return a.run(cmd, func(ctx context.Context, client *lockd.Client) (err error) {
			var l *lockd.LogLevel
			if len(args) == 0 {
				l, err = client.LogLevel(ctx)
			} else {
				l, err = client.SetLogLevel(ctx, args[0], duration)
			}
			if err != nil {
				return err
			}
			t := &table{Head: "NODE\tLEVEL\tTHEN"}
			t.Add(l.Node, l.Level, logLevelEnd(l))
			return a.print(l, t)
		})
	}
	return cmd
}

// logLevelEnd returns the level after a temporary one, and when it begins.
func logLevelEnd(l *lockd.LogLevel) string {
	if l.EndsIn == nil {
		return "-"
	}
	return l.Then + " in " + l.EndsIn.Duration().Round(time.Second).String()
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/leases"
)

func newWatchCommand(c *cli) *cobra.Command {
	var opts lockd.WatchOptions
	cmd := &cobra.Command{
		Use:   "watch [NAME | --prefix PREFIX]",
		Short: "Follow the changes of leases",
		Long: `Print the changes of leases, one per line, until interrupted. A terminal shows the
local time and a sentence. In a pipe, and with -o wide, there are columns and times in
UTC. With -o json each line is a JSON object. If the connection breaks, the watch
continues at another node from the last revision.`,
		Example:           "  lockd watch nightly-report\n  lockd watch --prefix billing. -o json | jq .type",
		ValidArgsFunction: c.names(1, nil),
		Args:              arguments(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				opts.Name = args[0]
			}
			if opts.Name != "" && opts.Prefix != "" {
				return usageError{errors.New("pass a name or a prefix, not both")}
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			return describeRefusal(cmd, c.follow(cmd.Context(), client, opts))
		},
	}
	cmd.Flags().StringVar(&opts.Prefix, "prefix", "", "only names with this prefix")
	cmd.Flags().Uint64Var(&opts.After, "after", 0, "only changes after this revision (default the state, then changes)")
	return cmd
}

// follow prints events until it is interrupted, which is not an error.
func (c *cli) follow(ctx context.Context, client *lockd.Client, opts lockd.WatchOptions) error {
	c.stream = true
	printEvent := c.eventPrinter()
	for e, err := range client.Watch(ctx, opts) {
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		if err := printEvent(e); err != nil {
			return err
		}
	}
	return nil
}

// eventPrinter returns a function that prints an event in the format of the command.
func (c *cli) eventPrinter() func(lockd.Event) error {
	switch {
	case c.output == console.FormatJSON:
		return func(e lockd.Event) error { return console.PrintJSON(c.out, e, "") }
	case c.output == console.FormatTable && console.IsTerminal(c.out):
		return func(e lockd.Event) error {
			_, err := fmt.Fprintln(c.out, leases.EventLine(e, time.Now(), c.screen.Style))
			return err
		}
	}
	fmt.Fprintln(c.out, leases.EventHead())
	return func(e lockd.Event) error {
		_, err := fmt.Fprintln(c.out, leases.EventColumns(e))
		return err
	}
}

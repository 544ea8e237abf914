package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/board"
	"github.com/lockd/lockd/internal/console/leases"
	"github.com/lockd/lockd/internal/console/top"
)

func newListCommand(c *cli) *cobra.Command {
	var opts lockd.ListOptions
	var watch bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the leases that are held, delayed or have waiters",
		Long: `List the leases that are held, delayed or have waiters.

With --watch, a terminal shows the list and keeps it current, with up to 100,000 leases.
A pipe receives each lease, and then each lease that has changed, as a row, or with
-o json as an object per line. Renewals and changes of a queue print no row.`,
		Example: "  lockd ls\n  lockd ls --prefix billing. -o wide\n  lockd ls --holder worker-3 -o json\n  lockd ls --watch",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if watch {
				return c.watchList(cmd, opts)
			}
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
	flags.BoolVarP(&watch, "watch", "w", false, "keep the list current until interrupted")
	return cmd
}

// watchList shows the list until it is interrupted, which is not an error.
func (c *cli) watchList(cmd *cobra.Command, opts lockd.ListOptions) error {
	if opts.Holder != "" || opts.Stale {
		return usageError{errors.New("--watch follows names: pass --prefix, and neither --holder nor --stale")}
	}
	screen := console.IsTerminal(c.out) && c.output != console.FormatJSON
	feed, err := c.feed(opts.Prefix, screen)
	if err != nil {
		return err
	}
	if screen {
		return describeRefusal(cmd, top.List(cmd.Context(), feed, c.out, c.wide()))
	}
	c.stream = true
	return describeRefusal(cmd, board.Changes(cmd.Context(), feed.Client, opts.Prefix, c.rowPrinter()))
}

// rowPrinter returns a function that prints a lease in the format of the command.
func (c *cli) rowPrinter() func(lockd.State) error {
	if c.output == console.FormatJSON {
		return func(s lockd.State) error { return console.PrintJSON(c.out, s, "") }
	}
	head := false
	return func(s lockd.State) error {
		lines := leases.RowTable(c.wide(), s).Lines(console.Screen{})
		if head {
			lines = lines[1:]
		}
		head = true
		_, err := c.out.Write([]byte(strings.Join(lines, "\n") + "\n"))
		return err
	}
}

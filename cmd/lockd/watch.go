package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
)

func newWatchCommand(c *cli) *cobra.Command {
	var opts lockd.WatchOptions
	cmd := &cobra.Command{
		Use:   "watch [NAME | --prefix PREFIX]",
		Short: "Follow the changes of leases",
		Long: `Print the changes of leases, one per line, until interrupted. With -o json each
line is a JSON object. If the connection breaks, the watch continues at another node
from the last revision.`,
		Args: arguments(1),
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
	const line = "%-10s   %-11s   %-30s   %-20s   %-10s   %-20s   %s\n"
	if c.output == console.FormatTable {
		fmt.Fprintf(c.out, line, "REVISION", "TYPE", "NAME", "HOLDER", "TOKEN", "TO", "CAUSE")
	}
	for e, err := range client.Watch(ctx, opts) {
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case c.output == console.FormatJSON:
			err = console.PrintJSON(c.out, e, "")
		default:
			_, err = fmt.Fprintf(c.out, line, cell(token(e.Revision)), cell(e.Type), cell(e.Name), cell(e.Holder),
				cell(token(e.Token)), cell(e.To), cell(cmp.Or(e.Cause, e.Reason)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func cell(s string) string { return cmp.Or(console.Plain(s), "-") }

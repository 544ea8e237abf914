package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console/cells"
	"github.com/lockd/lockd/internal/console/suggest"
)

func newCheckCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:               "check NAME TOKEN",
		Short:             "Check whether a token is current",
		Example:           "  lockd check nightly-report 7 && ./write.sh",
		ValidArgsFunction: c.names(1, c.complete(suggest.Tokens)),
		Args:              arguments(2, "NAME", "TOKEN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.ParseUint(args[1], 10, 64)
			if err != nil {
				return usageError{fmt.Errorf("%q is not a token: pass a whole number", args[1])}
			}
			return c.read(cmd, func(ctx context.Context, client *lockd.Client) error {
				a, err := client.Check(ctx, args[0], n)
				if err != nil {
					return err
				}
				t := &table{Head: "NAME\tTOKEN\tHOLDER"}
				t.Add(a.Name, cells.Token(a.Token), a.Holder)
				return c.print(a, t)
			})
		},
	}
}

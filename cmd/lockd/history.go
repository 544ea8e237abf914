package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
)

func newHistoryCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "history NAME",
		Short: "Show the newest events of a name",
		Args:  arguments(1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.read(cmd, func(ctx context.Context, client *lockd.Client) error {
				h, err := client.History(ctx, args[0])
				if err != nil {
					return err
				}
				t := &table{Head: "REVISION\tAT\tTYPE\tHOLDER\tTOKEN\tCAUSE\tHELD\tTO\tBY\tREASON"}
				for _, e := range h.Events {
					t.Add(token(e.Revision), at(e.At), e.Type, e.Holder, token(e.Token), e.Cause, maybe(e.Held, span), e.To, e.By, e.Reason)
				}
				return c.print(h, t)
			})
		},
	}
}

// at formats a time in UTC, as in logs.
func at(t lockd.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

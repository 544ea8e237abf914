package main

import (
	"context"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
)

func newGetCommand(c *cli) *cobra.Command {
	var stale bool
	cmd := &cobra.Command{
		Use:   "get NAME",
		Short: "Show a lease, its holders and its queue",
		Args:  arguments(1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var opts []lockd.ReadOption
			if stale {
				opts = append(opts, lockd.Stale())
			}
			return c.read(cmd, func(ctx context.Context, client *lockd.Client) error {
				s, err := client.Get(ctx, args[0], opts...)
				if err != nil {
					return err
				}
				tables := append([]*table{stateTable(*s)}, stepDownTables(s.Holders)...)
				if len(s.Queue) > 0 {
					tables = append(tables, queueTable(s.Queue))
				}
				return c.print(s, tables...)
			})
		},
	}
	cmd.Flags().BoolVar(&stale, "stale", false, "let the node answer from its own state, without the leader")
	return cmd
}

// stateTable has a row for each holder, and a row for each lease without a holder.
func stateTable(leases ...lockd.State) *table {
	t := &table{Head: "NAME\tSTATE\tHOLDER\tTOKEN\tTTL\tFREE-IN\tWAITERS"}
	for _, l := range leases {
		if len(l.Holders) == 0 {
			t.Add(l.Name, l.State, "", "", "", maybe(l.AvailableIn, duration), number(l.QueueLength))
		}
		for _, h := range l.Holders {
			t.Add(l.Name, l.State, h.Holder, token(h.Token), ttl(h.TTL), maybe(h.FreeIn, duration), number(l.QueueLength))
		}
	}
	return t
}

// ttl returns a TTL, or "none" for a hold without one.
func ttl(d lockd.Millis) string {
	if d == 0 {
		return "none"
	}
	return duration(d)
}

func queueTable(queue []lockd.Waiter) *table {
	t := &table{Head: "POSITION\tWAITER\tPRIORITY\tWAITING"}
	for i, w := range queue {
		t.Add(number(i+1), w.Holder, number(w.Priority), duration(w.Waiting))
	}
	return t
}

package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/board"
	"github.com/lockd/lockd/internal/console/members"
	"github.com/lockd/lockd/internal/console/top"
)

func newTopCommand(c *cli) *cobra.Command {
	var prefix string
	var once bool
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show the cluster and its leases on a live screen",
		Long: `Show the cluster and its leases on a live screen: the leader, the nodes, how many leases
are held and waited for, and how many are granted and expire per second. Without a
terminal it prints one frame.

  s                   sort by name, age, remaining time or waiters
  /                   filter by a part of the name or of the holder; esc clears the filter
  up, down, PgUp ...  scroll
  q                   quit

The screen follows the changes of leases with a watch. Queues and remaining times are
read again every two seconds, 1,000 leases at a time. It shows at most 100,000 leases.`,
		Example: "  lockd top\n  lockd top --prefix billing.\n  lockd top --once | head -20",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return describeRefusal(cmd, c.top(cmd.Context(), prefix, once))
		},
	}
	cmd.Flags().StringVar(&prefix, "prefix", "", "only names with this prefix")
	cmd.Flags().BoolVar(&once, "once", false, "print one frame")
	return cmd
}

func (c *cli) top(ctx context.Context, prefix string, once bool) error {
	in, keys := c.in.(*os.File)
	out, screen := c.out.(*os.File)
	once = once || !keys || !screen || !c.terminal || !console.IsTerminal(out)
	feed, err := c.feed(prefix, !once)
	if err != nil {
		return err
	}
	cfg := top.Config{Feed: feed, Style: c.screen.Style, In: in, Out: out,
		Cluster: func(ctx context.Context) (*members.View, error) {
			ctx, cancel := context.WithTimeout(ctx, readRetry)
			defer cancel()
			return c.view(ctx, feed.Client)
		}}
	if once {
		ctx, cancel := context.WithTimeout(ctx, c.timeout)
		defer cancel()
		return top.Once(ctx, cfg, c.out, c.screen)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP, syscall.SIGQUIT) // they would leave the terminal as it is
	defer stop()
	return top.Run(ctx, cfg)
}

// feed returns what keeps a board current. On a screen it reports failures itself, so that warnings are dropped.
func (c *cli) feed(prefix string, onScreen bool) (*board.Feed, error) {
	if onScreen {
		c.warnings = slog.New(slog.DiscardHandler)
	}
	client, err := c.clientOf(c.addrs, min(c.timeout, readRetry))
	if err != nil {
		return nil, err
	}
	return &board.Feed{Client: client, Prefix: prefix, Board: board.New(time.Now)}, nil
}

package main

import (
	"context"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console/leases"
	"github.com/lockd/lockd/internal/fsm"
)

func newRenewCommand(c *cli) *cobra.Command {
	var opts lockd.RenewOptions
	var meta config.Object
	cmd := &cobra.Command{
		Use:               "renew NAME --session SESSION",
		Short:             "Renew a lease",
		Example:           "  lockd renew nightly-report --session-file session --ttl 30s",
		ValidArgsFunction: c.names(1, nil),
		Args:              arguments(1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Meta = meta.Meta()
			return c.run(cmd, 0, func(ctx context.Context, client *lockd.Client) error {
				g, err := client.Renew(ctx, args[0], opts)
				if err != nil {
					return err
				}
				return c.print(g, leases.GrantTables(*g)...)
			})
		},
	}
	flags := cmd.Flags()
	c.holdFlags(cmd, &opts.Session, &opts.Token)
	flags.Var(ttlOf(&opts.TTL), "ttl", "new TTL")
	flags.Var(&meta, "meta", "new meta")
	return cmd
}

// holdFlags adds the flags that identify a hold: the session, which is required, and the token.
func (c *cli) holdFlags(cmd *cobra.Command, session *string, token *uint64) {
	c.sessionFlags(cmd, session, true, "secret of the holder, as printed by acquire")
	cmd.Flags().Var(tokenOf(token), "token", "only if the hold has this token")
}

func tokenOf(to *uint64) *config.Value[uint64] { return config.Number(to, 1, fsm.MaxSafeInteger) }

// required marks a flag as required. It can be set by its variable.
func required(cmd *cobra.Command, flag string) {
	if err := cmd.MarkFlagRequired(flag); err != nil {
		panic(err) // there is no such flag
	}
}

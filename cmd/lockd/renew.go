package main

import (
	"context"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/fsm"
)

func newRenewCommand(c *cli) *cobra.Command {
	var opts lockd.RenewOptions
	var meta object
	cmd := &cobra.Command{
		Use:   "renew NAME --session SESSION",
		Short: "Keep a lease",
		Args:  arguments(1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Meta = meta.meta()
			return c.run(cmd, 0, func(ctx context.Context, client *lockd.Client) error {
				g, err := client.Renew(ctx, args[0], opts)
				if err != nil {
					return err
				}
				return c.print(g, grantTables(*g)...)
			})
		},
	}
	flags := cmd.Flags()
	holdFlags(cmd, &opts.Session, &opts.Token)
	flags.Var(ttlOf(&opts.TTL), "ttl", "another TTL from now on")
	flags.Var(&meta, "meta", "other meta from now on")
	return cmd
}

// holdFlags adds the flags that name a hold: the session, which must be given,
// and the token.
func holdFlags(cmd *cobra.Command, session *string, token *uint64) {
	flags := cmd.Flags()
	flags.StringVar(session, "session", "", "secret of the holder, as acquire printed it")
	flags.Var(tokenOf(token), "token", "only if the hold has this token")
	bindable(flags, "session")
	required(cmd, "session")
}

func tokenOf(to *uint64) *value[uint64] { return numberOf(to, 1, fsm.MaxSafeInteger) }

// required makes a flag one that must be given, by itself or by its variable.
func required(cmd *cobra.Command, flag string) {
	if err := cmd.MarkFlagRequired(flag); err != nil {
		panic(err) // there is no such flag
	}
}

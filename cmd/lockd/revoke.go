package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console/cells"
)

func newTokenRevokeCommand(a *administration) *cobra.Command {
	var opts lockd.RevokeOptions
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "Revoke a token",
		Long: `Revoke a token, by the ID that token list shows. Every node refuses it within a second.
What its principal holds ends by its TTL, or at once with --break.

A revocation that was interrupted can be repeated. If the token is gone and its
principal may still have holds, also pass --principal.

Tokens that were created with the token stay valid. The record of a token has the
principal that created it; the audit log also has the token. After a leak, see "After a
leak" in docs/security.md.

` + socketHelp,
		Example: "  lockd token revoke k3m9x2abcd\n  lockd token revoke k3m9x2abcd --break --principal billing",
		Args:    arguments(1, "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd, func(ctx context.Context, client *lockd.Client) error {
				return a.revokeToken(ctx, cmd, client, args[0], opts)
			})
		},
	}
	cmd.Flags().BoolVar(&opts.Break, "break", false, "break all holds of the token's principal at once, and end its places in queues")
	cmd.Flags().StringVar(&opts.Principal, "principal", "", "principal of the token (default the principal that token list shows)")
	completeFlag(cmd, "principal", a.principals())
	return cmd
}

// revokeToken looks up the principal of the token first, so that the request can be repeated after the token is gone.
func (a *administration) revokeToken(ctx context.Context, cmd *cobra.Command, client *lockd.Client, id string, opts lockd.RevokeOptions) error {
	tokens, err := client.Tokens(ctx)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(tokens, func(t lockd.AccessToken) bool { return t.ID == id }); i >= 0 && opts.Principal == "" {
		opts.Principal = tokens[i].Principal
	}
	d, err := client.RevokeToken(ctx, id, opts)
	if err != nil {
		return err
	}
	t := &table{Head: "ID\tDONE\tBROKEN"}
	done := "revoked"
	if d.WasGone {
		done = "was gone"
	}
	t.Add(d.ID, done, cells.Number(d.Broken))
	if err := a.print(d, t); err != nil {
		return err
	}
	if created := createdBy(tokens, opts.Principal, id); len(created) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "lockd: other tokens that %s has created stay valid: %s\n", opts.Principal, strings.Join(created, ", "))
	}
	return nil
}

// createdBy returns the IDs of the tokens that a principal has created, without one.
func createdBy(tokens []lockd.AccessToken, principal, without string) (ids []string) {
	for _, t := range tokens {
		if principal != "" && t.CreatedBy == principal && t.ID != without {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

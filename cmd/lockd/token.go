package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console"
	show "github.com/lockd/lockd/internal/console/access"
)

func newTokenCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Create, list and revoke tokens",
		Long:  "Create, list and revoke tokens. " + socketHelp,
		Example: `  lockd token create ops --admin
  T=$(lockd token create billing --allow acquire:billing. --expires 720h)`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	a := newAdministration(c, cmd)
	cmd.AddCommand(newTokenCreateCommand(a), newTokenListCommand(a), newTokenRevokeCommand(a), newTokenGenerateCommand(c))
	return cmd
}

// maxTokenLife is that of a token that expires.
const maxTokenLife = 10 * 365 * 24 * time.Hour

func newTokenCreateCommand(a *administration) *cobra.Command {
	var opts lockd.TokenOptions
	var allow show.Rules
	var admin bool
	cmd := &cobra.Command{
		Use:   "create [NAME]",
		Short: "Create a token of a principal, and print it",
		Long: `Create a token of a principal, and print it: it is not stored and cannot be shown
again. Without NAME it is a second token of the caller itself, for example to replace
the first one.

If an administrator states rules for a principal that does not exist, the principal is
created with them. For one that exists, the token allows these rules only; without
rules it allows what its principal may do. A token never allows more than its creator
and its principal may do.

` + rulesHelp + "\n\n" + socketHelp,
		Example: `  lockd token create ops --admin
  T=$(lockd token create billing --allow acquire:billing. --allow 'read:*')
  lockd token create --for billing --allow read:billing. --expires 24h`,
		ValidArgsFunction: first(a.principals()),
		Args:              arguments(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && opts.Principal != "" {
				return usageError{errors.New("pass NAME or --for NAME, not both")}
			}
			if len(args) > 0 {
				opts.Principal = args[0]
			}
			if opts.Rules = allow; admin {
				opts.Rules = append(opts.Rules, access.Admin.String())
			}
			return a.run(cmd, func(ctx context.Context, client *lockd.Client) error {
				return a.createToken(ctx, cmd, client, opts)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.Principal, "for", "", "name of the principal, like NAME")
	completeFlag(cmd, "for", a.principals())
	flags.BoolVar(&admin, "admin", false, "allow everything, like --allow admin")
	allow.AddTo(flags)
	flags.Var(config.Duration(&opts.ExpiresIn, time.Second, maxTokenLife), "expires", "how long the token is valid (default no limit)")
	return cmd
}

// createToken prints the token alone to stdout, and what it is to stderr.
func (a *administration) createToken(ctx context.Context, cmd *cobra.Command, client *lockd.Client, opts lockd.TokenOptions) error {
	t, err := client.CreateToken(ctx, opts)
	if err != nil {
		return err
	}
	if a.c.output == console.FormatJSON {
		return console.PrintJSON(a.c.out, t, "  ")
	}
	if _, err := fmt.Fprintln(a.c.out, t.Token); err != nil {
		return err
	}
	hints := cmd.ErrOrStderr()
	fmt.Fprintln(hints, show.CreatedToken(t))
	if auth, err := client.Auth(ctx); err == nil && auth.Mode == lockd.AuthOff {
		fmt.Fprintln(hints, "lockd: authentication is off, so that no request for a lease needs a token; lockd auth enable changes that")
	}
	return nil
}

func newTokenListCommand(a *administration) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List all tokens, or those of a caller that is no administrator",
		Long:    "List all tokens, or those of a caller that is no administrator. No token is shown, only its ID.\n\n" + socketHelp,
		Example: "  lockd token list",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.run(cmd, func(ctx context.Context, client *lockd.Client) error {
				tokens, err := client.Tokens(ctx)
				if err != nil {
					return err
				}
				return a.print(tokens, show.TokenTable(tokens))
			})
		},
	}
}

func newTokenGenerateCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:     "generate",
		Short:   "Print a new token for --bootstrap-token-file, without a request",
		Example: "  (umask 077 && lockd token generate >bootstrap-token)\n  lockd server --bootstrap-token-file bootstrap-token",
		Args:    arguments(0),
		RunE: func(*cobra.Command, []string) error {
			t, err := access.NewToken(rand.Reader)
			if err != nil {
				return err
			}
			if c.output == console.FormatJSON {
				return console.PrintJSON(c.out, map[string]string{"id": t.ID, "token": t.Secret()}, "  ")
			}
			_, err = fmt.Fprintln(c.out, t.Secret())
			return err
		},
	}
}

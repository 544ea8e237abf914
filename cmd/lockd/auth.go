package main

import (
	"context"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console/access"
)

func newAuthCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "auth",
		Short: "Enable or disable authentication, and show who the caller is",
		Long: `Enable or disable authentication, and show who the caller is. Every node changes at
the same revision.

` + socketHelp,
		Example: "  lockd token create ops --admin\n  lockd auth enable --permissive\n  lockd auth enable",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	a := newAdministration(c, cmd)
	var permissive bool
	enable := &cobra.Command{
		Use:   "enable",
		Short: "Refuse requests without valid credentials",
		Long: `Refuse requests without valid credentials. It is refused while no valid token has the
right admin, unless the caller is an administrator by a certificate or a JSON Web Token.

With --permissive such requests are served, logged and counted in
lockd_auth_would_deny_total: enable authentication when that stays unchanged.

` + socketHelp,
		Example: "  lockd auth enable --permissive\n  lockd auth enable",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if permissive {
				return a.setAuth(cmd, lockd.AuthPermissive)
			}
			return a.setAuth(cmd, lockd.AuthOn)
		},
	}
	enable.Flags().BoolVar(&permissive, "permissive", false, "serve, log and count the requests that would be refused")
	disable := &cobra.Command{
		Use:   "disable",
		Short: "Serve all requests, with and without credentials",
		Long: `Serve all requests, with and without credentials. Once authentication is enabled, only
the admin socket of a node can disable it: run this on a node, without a token.

` + socketHelp,
		Example: "  docker exec NODE lockd auth disable",
		Args:    arguments(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.setAuth(cmd, lockd.AuthOff) },
	}
	status := &cobra.Command{
		Use:     "status",
		Short:   "Show whether authentication is enabled, who the caller is and what it may do",
		Example: "  lockd auth status",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.run(cmd, func(ctx context.Context, client *lockd.Client) error {
				auth, err := client.Auth(ctx)
				return a.printAuth(auth, err)
			})
		},
	}
	cmd.AddCommand(enable, disable, status)
	return cmd
}

func (a *administration) setAuth(cmd *cobra.Command, mode string) error {
	return a.run(cmd, func(ctx context.Context, client *lockd.Client) error {
		auth, err := client.SetAuth(ctx, mode)
		return a.printAuth(auth, err)
	})
}

func (a *administration) printAuth(auth *lockd.Auth, err error) error {
	if err != nil {
		return err
	}
	return a.print(auth, access.AuthTable(auth))
}

package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console/access"
)

func newPrincipalCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "principal",
		Short:   "List principals, and set what they may do",
		Long:    "List principals, and set what they may do. Tokens and client certificates are credentials of a principal.\n\n" + socketHelp,
		Example: "  lockd principal set billing --allow acquire:billing.\n  lockd principal list",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	a := newAdministration(c, cmd)
	cmd.AddCommand(newPrincipalListCommand(a), newPrincipalSetCommand(a), newPrincipalDeleteCommand(a))
	return cmd
}

func newPrincipalListCommand(a *administration) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List all principals",
		Example: "  lockd principal list",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.run(cmd, func(ctx context.Context, client *lockd.Client) error {
				principals, err := client.Principals(ctx)
				if err != nil {
					return err
				}
				return a.print(principals, access.PrincipalTable(principals...))
			})
		},
	}
}

func newPrincipalSetCommand(a *administration) *cobra.Command {
	var allow access.Rules
	var revision uint64
	cmd := &cobra.Command{
		Use:   "set NAME --allow RIGHT:SCOPE",
		Short: "Create a principal, or replace its rules",
		Long: `Create a principal, or replace its rules. They apply on every node at once, also to the
tokens of the principal: a token never allows more than its principal. With --revision,
it changes nothing if another administrator has changed the principal meanwhile.

` + rulesHelp + "\n\n" + socketHelp,
		Example:           "  lockd principal set billing --allow acquire:billing. --allow 'read:*'",
		ValidArgsFunction: first(a.principals()),
		Args:              arguments(1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(allow) == 0 {
				return usageError{errors.New("want --allow RIGHT:SCOPE; to withdraw all rights, delete the principal")}
			}
			return a.run(cmd, func(ctx context.Context, client *lockd.Client) error {
				set := client.UpdatePrincipal
				if !cmd.Flags().Changed("revision") {
					set = func(ctx context.Context, p lockd.Principal) (*lockd.Principal, error) {
						return client.SetPrincipal(ctx, p.Name, p.Rules...)
					}
				}
				p, err := set(ctx, lockd.Principal{Name: args[0], Rules: allow, Revision: revision})
				if err != nil {
					return err
				}
				return a.print(p, access.PrincipalTable(*p))
			})
		},
	}
	allow.AddTo(cmd.Flags())
	cmd.Flags().Uint64Var(&revision, "revision", 0, "revision that principal list shows, which the principal must still have; 0: it must not exist (default any)")
	return cmd
}

func newPrincipalDeleteCommand(a *administration) *cobra.Command {
	return &cobra.Command{
		Use:               "delete NAME",
		Short:             "Delete a principal and its tokens",
		Long:              "Delete a principal and its tokens. What it holds ends by its TTL.\n\n" + socketHelp,
		Example:           "  lockd principal delete billing",
		ValidArgsFunction: first(a.principals()),
		Args:              arguments(1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd, func(ctx context.Context, client *lockd.Client) error {
				d, err := client.DeletePrincipal(ctx, args[0])
				if err != nil {
					return err
				}
				t := &table{Head: "NAME\tDONE"}
				t.Add(d.Name, "deleted")
				return a.print(d, t)
			})
		},
	}
}

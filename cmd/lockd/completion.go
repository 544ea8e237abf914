package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console/access"
	"github.com/lockd/lockd/internal/console/suggest"
)

const completionTimeout = 800 * time.Millisecond // until the shell gets an answer, whatever the nodes do

// complete returns the completions of a lookup for the nodes of the command line. It returns none after an error or if
// no node answers in time, and prints nothing.
func (c *cli) complete(look suggest.Lookup) cobra.CompletionFunc {
	return c.completeFrom(func(context.Context, *cobra.Command) (*lockd.Client, error) { return c.clientOf(c.addrs, -1) }, look)
}

func (c *cli) completeFrom(connect func(context.Context, *cobra.Command) (*lockd.Client, error), look suggest.Lookup) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		c.warnings = slog.New(slog.DiscardHandler)
		if config.ReadEnv(cmd.Flags()) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		client, err := connect(ctx, cmd)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found, _ := look(ctx, client, args, prefix)
		found = slices.DeleteFunc(found, func(s string) bool { return !strings.HasPrefix(s, prefix) })
		return found[:min(len(found), suggest.Most)], cobra.ShellCompDirectiveNoFileComp
	}
}

// names completes the first most arguments with names of leases. After them, other completes: nil for nothing.
func (c *cli) names(most int, other cobra.CompletionFunc) cobra.CompletionFunc {
	complete := c.complete(suggest.Names)
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch {
		case len(args) < most:
			return complete(cmd, args, prefix)
		case other != nil:
			return other(cmd, args, prefix)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// principals completes the name of a principal.
func (a *administration) principals() cobra.CompletionFunc {
	return a.c.completeFrom(a.client, func(ctx context.Context, client *lockd.Client, _ []string, _ string) (found []string, err error) {
		all, err := client.Principals(ctx)
		for _, p := range all {
			found = append(found, suggest.Described(p.Name, access.List(p.Rules)))
		}
		return found, err
	})
}

// first completes the first argument only.
func first(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, prefix)
	}
}

// completeFlags adds the completions of the flags that have a fixed list of values.
func (c *cli) completeFlags(cmd *cobra.Command) {
	add := func(f *pflag.Flag) {
		if values := strings.Split(f.Value.Type(), "|"); len(values) > 1 {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // a shared flag has it already
		}
	}
	cmd.Flags().VisitAll(add)
	cmd.PersistentFlags().VisitAll(add)
	for _, sub := range cmd.Commands() {
		c.completeFlags(sub)
	}
}

// completeFlag adds the completions of a flag of a command.
func completeFlag(cmd *cobra.Command, name string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
		panic(err) // the command has no such flag
	}
}

// completeCommand lets the shell complete the command of lock or elect.
func completeCommand(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

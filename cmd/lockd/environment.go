package main

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/connect"
	"github.com/lockd/lockd/internal/run"
)

// unknownVariables returns the LOCKD_ variables that are set and that no command knows.
func unknownVariables(cmd *cobra.Command) []config.UnknownVariable {
	return config.UnknownVariables(slices.Concat(variables(cmd.Root()), run.Variables(), []string{connect.TokenVariable}))
}

// variables returns the variables that set a flag of cmd or of its subcommands.
func variables(cmd *cobra.Command) (names []string) {
	add := func(f *pflag.Flag) {
		if variable := config.Variable(f); variable != "" {
			names = append(names, variable)
		}
	}
	cmd.Flags().VisitAll(add)
	cmd.PersistentFlags().VisitAll(add)
	for _, sub := range cmd.Commands() {
		names = append(names, variables(sub)...)
	}
	return names
}

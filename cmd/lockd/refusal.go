package main

import (
	"github.com/spf13/cobra"

	"github.com/lockd/lockd/internal/console/refusal"
)

// describeRefusal rewrites a node's refusal for the command line.
func describeRefusal(cmd *cobra.Command, err error) error { return failedCommand(cmd).Describe(err) }

func failedCommand(cmd *cobra.Command) refusal.Command {
	return refusal.Command{
		Use:      cmd.Use,
		Operator: cmd.Name() == "break" || cmd.Name() == "step-down",
		Flag: func(name string) (known, given bool) {
			f := cmd.Flags().Lookup(name)
			return f != nil, f != nil && f.Changed
		},
	}
}

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// arguments checks the arguments of a command: at least those in needed, and at most most.
func arguments(most int, needed ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(needed):
			return fmt.Errorf("want a %s", strings.Join(needed, " and a "))
		case len(args) > most && most == 0:
			return fmt.Errorf("too many arguments: %q; this command takes none", args[0])
		case len(args) > most:
			return fmt.Errorf("too many arguments: %d; this command takes at most %d", len(args), most)
		}
		return nil
	}
}

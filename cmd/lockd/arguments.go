package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// arguments is what a verb takes beside its flags: those that it needs, which are
// named, and up to most in all.
func arguments(most int, needed ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(needed):
			return fmt.Errorf("want a %s", strings.Join(needed, " and a "))
		case len(args) > most && most == 0:
			return fmt.Errorf("too many arguments: %q, where it takes none", args[0])
		case len(args) > most:
			return fmt.Errorf("too many arguments: %d, where it takes at most %d", len(args), most)
		}
		return nil
	}
}

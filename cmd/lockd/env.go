package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envName returns the variable that sets a flag: LOCKD_DATA_DIR for --data-dir.
func envName(flag string) string {
	return "LOCKD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// bindEnv sets each flag that the command line left alone from its variable. An
// empty variable is none.
func bindEnv(cmd *cobra.Command) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		value := os.Getenv(envName(f.Name))
		if failed != nil || f.Changed || f.Name == "help" || value == "" {
			return
		}
		if cmd.Flags().Set(f.Name, value) != nil {
			failed = usageError{fmt.Errorf("%s=%q: want %s", envName(f.Name), value, wanted(f.Value.Type()))}
		}
	})
	return failed
}

// wanted says what a value of a flag's type looks like.
func wanted(kind string) string {
	switch kind {
	case "duration":
		return "a duration such as 15s or 2m"
	case "bool":
		return "true or false"
	case "int", "int64":
		return "a whole number"
	case "uint", "uint64":
		return "a whole number, not below zero"
	case "JSON":
		return "a JSON object"
	case "stringSlice":
		return "a list with commas"
	}
	return kind
}

// showEnv names each flag's variable in the help.
func showEnv(cmd *cobra.Command) {
	name := func(f *pflag.Flag) { f.Usage += " [" + envName(f.Name) + "]" }
	cmd.PersistentFlags().VisitAll(name)
	cmd.Flags().VisitAll(name)
}

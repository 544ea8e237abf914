package main

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The notes on a flag: the variable that sets it, too, and what has set it.
const (
	variableNote = "lockd_variable"
	originNote   = "lockd_origin"
)

// envName returns the variable of a flag: LOCKD_DATA_DIR of --data-dir.
func envName(flag string) string {
	return "LOCKD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// bindable lets variables set flags, and names them in the help. It is for what
// belongs to a place or a process; a flag without it speaks of one command only,
// such as --yes.
func bindable(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		note(flags.Lookup(name), variableNote, envName(name))
		flags.Lookup(name).Usage += " [" + envName(name) + "]"
	}
}

func note(f *pflag.Flag, key, value string) {
	if f.Annotations == nil {
		f.Annotations = make(map[string][]string)
	}
	f.Annotations[key] = []string{value}
}

func noted(f *pflag.Flag, key string) string {
	if notes := f.Annotations[key]; len(notes) > 0 {
		return notes[0]
	}
	return ""
}

// bindEnv sets each flag that the command line left alone from its variable. An
// empty variable is none.
func bindEnv(cmd *cobra.Command) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		variable := noted(f, variableNote)
		if failed != nil || f.Changed || variable == "" || os.Getenv(variable) == "" {
			return
		}
		if err := setFrom(f, os.Getenv(variable), variable); err != nil {
			failed = usageError{fmt.Errorf("%s=%q: %w", variable, os.Getenv(variable), err)}
		}
	})
	return failed
}

// A stray is a variable that looks like one of lockd's and is none.
type stray struct {
	name  string
	meant string // what it was likely to be, or ""
}

func (s stray) String() string {
	said := s.name + " is ignored: there is no such variable"
	if s.meant != "" {
		said += ": did you mean " + s.meant + "?"
	}
	return said
}

// serviceLink matches what Kubernetes and Docker set for a service by the name of lockd.
var serviceLink = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP)(_[A-Z]+)?)?)$`)

// strays returns the variables that no verb of cmd's program knows or gives.
func strays(cmd *cobra.Command) (all []stray) {
	known := append(variables(cmd.Root()), givenVariables...)
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if value != "" && strings.HasPrefix(name, "LOCKD_") && !slices.Contains(known, name) && !serviceLink.MatchString(name) {
			all = append(all, stray{name, nearest(name, known)})
		}
	}
	return all
}

// variables returns those that set a flag of cmd or of what is below it.
func variables(cmd *cobra.Command) (names []string) {
	add := func(f *pflag.Flag) {
		if variable := noted(f, variableNote); variable != "" {
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

// setFrom sets a flag that the command line left alone.
func setFrom(f *pflag.Flag, value, origin string) error {
	if err := f.Value.Set(value); err != nil {
		return err
	}
	f.Changed = true // it counts as given, where it must be
	note(f, originNote, origin)
	return nil
}

// origin tells where a flag's value is from.
func origin(f *pflag.Flag) string {
	if !f.Changed {
		return "default"
	}
	return cmp.Or(noted(f, originNote), "flag")
}

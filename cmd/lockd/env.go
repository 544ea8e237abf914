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

// Annotations of a flag: the variable that also sets it, and the source of its value.
const (
	variableNote = "lockd_variable"
	originNote   = "lockd_origin"
)

// envName returns the variable of a flag, for example LOCKD_DATA_DIR for --data-dir.
func envName(flag string) string {
	return "LOCKD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// bindable allows variables to set flags, and adds the variables to the help. It is for flags about
// a machine or a process. A flag about a single command, such as --yes, has no variable.
func bindable(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		annotate(flags.Lookup(name), variableNote, envName(name))
		flags.Lookup(name).Usage += " [" + envName(name) + "]"
	}
}

func annotate(f *pflag.Flag, key, value string) {
	if f.Annotations == nil {
		f.Annotations = make(map[string][]string)
	}
	f.Annotations[key] = []string{value}
}

func annotation(f *pflag.Flag, key string) string {
	if notes := f.Annotations[key]; len(notes) > 0 {
		return notes[0]
	}
	return ""
}

// bindEnv sets each flag that is not on the command line from its variable. An empty variable
// counts as not set.
func bindEnv(cmd *cobra.Command) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		variable := annotation(f, variableNote)
		if failed != nil || f.Changed || variable == "" || os.Getenv(variable) == "" {
			return
		}
		if err := setFrom(f, os.Getenv(variable), variable); err != nil {
			failed = usageError{fmt.Errorf("%s=%q: %w", variable, os.Getenv(variable), err)}
		}
	})
	return failed
}

// An unknownVariable has the prefix of lockd's variables and is not one of them.
type unknownVariable struct {
	name      string
	suggested string // the variable that was probably meant, or ""
}

func (s unknownVariable) String() string {
	text := s.name + " is ignored: unknown variable"
	if s.suggested != "" {
		text += ": did you mean " + s.suggested + "?"
	}
	return text
}

// serviceLink matches the variables that Kubernetes and Docker set for a service named lockd.
var serviceLink = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP)(_[A-Z]+)?)?)$`)

// unknownVariables returns the LOCKD_ variables that are set and that no command knows.
func unknownVariables(cmd *cobra.Command) (all []unknownVariable) {
	known := append(variables(cmd.Root()), givenVariables...)
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if value != "" && strings.HasPrefix(name, "LOCKD_") && !slices.Contains(known, name) && !serviceLink.MatchString(name) {
			all = append(all, unknownVariable{name, nearest(name, known)})
		}
	}
	return all
}

// variables returns the variables that set a flag of cmd or of its subcommands.
func variables(cmd *cobra.Command) (names []string) {
	add := func(f *pflag.Flag) {
		if variable := annotation(f, variableNote); variable != "" {
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

// setFrom sets a flag that is not on the command line.
func setFrom(f *pflag.Flag, value, origin string) error {
	if err := f.Value.Set(value); err != nil {
		return err
	}
	f.Changed = true // so that it counts as given, if it is required
	annotate(f, originNote, origin)
	return nil
}

// origin returns the source of a flag's value.
func origin(f *pflag.Flag) string {
	if !f.Changed {
		return "default"
	}
	return cmp.Or(annotation(f, originNote), "flag")
}

package config

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Annotations of a flag: the variable that also sets it, and the source of its value.
const (
	variableNote = "lockd_variable"
	originNote   = "lockd_origin"
)

// EnvName returns the variable of a flag, for example LOCKD_DATA_DIR for --data-dir.
func EnvName(flag string) string {
	return "LOCKD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Bind allows variables to set flags, and adds the variables to the help. It is for flags about
// a machine or a process. A flag about a single command, such as --yes, has no variable.
func Bind(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		annotate(flags.Lookup(name), variableNote, EnvName(name))
		flags.Lookup(name).Usage += " [" + EnvName(name) + "]"
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

// ReadEnv sets each flag that is not on the command line from its variable. An empty variable
// counts as not set.
func ReadEnv(flags *pflag.FlagSet) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		variable := Variable(f)
		if failed != nil || f.Changed || variable == "" || os.Getenv(variable) == "" {
			return
		}
		if err := setFrom(f, os.Getenv(variable), variable); err != nil {
			failed = fmt.Errorf("%s=%q: %w", variable, os.Getenv(variable), err)
		}
	})
	return failed
}

// An UnknownVariable has the prefix of lockd's variables and is not one of them.
type UnknownVariable struct {
	Name      string
	Suggested string // the variable that was probably meant, or ""
}

func (s UnknownVariable) String() string {
	text := s.Name + " is ignored: unknown variable"
	if s.Suggested != "" {
		text += ": did you mean " + s.Suggested + "?"
	}
	return text
}

// serviceLink matches the variables that Kubernetes and Docker set for a service named lockd.
var serviceLink = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP)(_[A-Z]+)?)?)$`)

// UnknownVariables returns the LOCKD_ variables that are set, and that are not known.
func UnknownVariables(known []string) (all []UnknownVariable) {
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if value != "" && strings.HasPrefix(name, "LOCKD_") && !slices.Contains(known, name) && !serviceLink.MatchString(name) {
			all = append(all, UnknownVariable{name, nearest(name, known)})
		}
	}
	return all
}

// Variable returns the variable that sets a flag, or "".
func Variable(f *pflag.Flag) string { return annotation(f, variableNote) }

// setFrom sets a flag that is not on the command line.
func setFrom(f *pflag.Flag, value, origin string) error {
	if err := f.Value.Set(value); err != nil {
		return err
	}
	f.Changed = true // so that it counts as given, if it is required
	annotate(f, originNote, origin)
	return nil
}

// Origin returns the source of a flag's value.
func Origin(f *pflag.Flag) string {
	if !f.Changed {
		return "default"
	}
	return cmp.Or(annotation(f, originNote), "flag")
}

// Package access shows principals, tokens and quotas as text, and reads rules from the command line.
package access

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/lockd/lockd/internal/access"
)

// Rules is the value of a flag: rules, separated by commas or in several flags.
type Rules []string

func (r *Rules) String() string { return strings.Join(*r, ",") }

// Type names the form in the help.
func (r *Rules) Type() string { return "RIGHT:SCOPE" }

// Set adds rules.
func (r *Rules) Set(s string) error {
	for text := range strings.SplitSeq(s, ",") {
		rule, err := access.ParseRule(strings.TrimSpace(text))
		if err != nil {
			return err
		}
		*r = append(*r, rule.String())
	}
	return nil
}

// AddTo adds the flag.
func (r *Rules) AddTo(flags *pflag.FlagSet) {
	flags.Var(r, "allow", "a right on the leases in a scope, such as acquire:billing. for all names that begin with it; can be repeated")
}

package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MaxRules is how many rules one principal or token may have, MaxScopeBytes how long a
// scope is: as long as the name of a lease.
const (
	MaxRules      = 64
	MaxScopeBytes = 512
)

// separators end a scope that is a prefix, so that app does not match apple.
const separators = ".:/_-"

// A Rule allows one right on the leases in its scope. The scope is a whole name, a
// prefix that ends in one of . : / _ -, or * for all names. It is empty for a right
// without a scope.
type Rule struct {
	Right Right
	Scope string
}

// Rules allow what any one of them allows. There is no rule that denies.
type Rules []Rule

// ParseRule reads right or right:scope, such as acquire:billing.
func ParseRule(text string) (Rule, error) {
	name, scope, hasScope := strings.Cut(text, ":")
	right, err := ParseRight(name)
	if err != nil {
		return Rule{}, err
	}
	r := Rule{right, scope}
	switch {
	case right.scoped() && scope == "":
		return Rule{}, fmt.Errorf("rule %q has no scope; use %s:NAME, %s:PREFIX. or %s:*", text, name, name, name)
	case !right.scoped() && hasScope:
		return Rule{}, fmt.Errorf("rule %q has a scope; %s covers everything, so leave it out", text, name)
	}
	return r, r.Check()
}

// ParseRules reads a list of rules.
func ParseRules(texts []string) (Rules, error) {
	if len(texts) > MaxRules {
		return nil, fmt.Errorf("%d rules are more than %d; use prefixes", len(texts), MaxRules)
	}
	rules := make(Rules, 0, len(texts))
	for _, text := range texts {
		r, err := ParseRule(text)
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// Check returns an error for a rule that is not of the form above.
func (r Rule) Check() error {
	switch {
	case r.Right.String() == "" || r.Right == None || r.Right == Any:
		return errors.New("a rule needs one of the rights read, acquire, operate, admin and metrics")
	case r.Right.scoped() != (r.Scope != ""):
		return fmt.Errorf("rule %q: a scope is needed for read, acquire and operate only", r)
	case len(r.Scope) > MaxScopeBytes:
		return fmt.Errorf("a scope of %d bytes is longer than %d", len(r.Scope), MaxScopeBytes)
	case r.Scope != "*" && strings.Contains(r.Scope, "*"):
		return fmt.Errorf("scope %q: * stands alone for all names; for a prefix write it with its last separator, such as billing.", r.Scope)
	}
	return nil
}

func (r Rule) String() string {
	if r.Scope == "" {
		return r.Right.String()
	}
	return r.Right.String() + ":" + r.Scope
}

// Strings returns the rules as ParseRules reads them.
func (rs Rules) Strings() []string {
	texts := make([]string, len(rs))
	for i, r := range rs {
		texts[i] = r.String()
	}
	return texts
}

// covers reports whether a scope includes a name.
func covers(scope, name string) bool {
	return scope == "*" || scope == name || isPrefix(scope) && strings.HasPrefix(name, scope)
}

// isPrefix reports whether a scope stands for all names that begin with it.
func isPrefix(scope string) bool {
	return scope != "" && strings.ContainsRune(separators, rune(scope[len(scope)-1]))
}

// Allow reports whether the rules give a right on a lease.
func (rs Rules) Allow(right Right, name string) bool {
	return slices.ContainsFunc(rs, func(r Rule) bool {
		return r.Right.includes(right) && (!r.Right.scoped() || covers(r.Scope, name))
	})
}

// Scopes returns what a right covers within a prefix, as prefixes and whole names in order,
// none of which is within another. A whole name stands for itself, though names that begin
// with it match, too: check each name that is found with Allow.
func (rs Rules) Scopes(right Right, prefix string) []string {
	var within []string
	for _, r := range rs {
		switch {
		case !r.Right.includes(right):
		case !r.Right.scoped() || r.Scope == "*" || isPrefix(r.Scope) && strings.HasPrefix(prefix, r.Scope):
			return []string{prefix}
		case strings.HasPrefix(r.Scope, prefix):
			within = append(within, r.Scope)
		}
	}
	slices.Sort(within)
	var scopes []string
	for _, s := range within {
		if len(scopes) == 0 || !covers(scopes[len(scopes)-1], s) {
			scopes = append(scopes, s)
		}
	}
	return scopes
}

// AllowSome reports whether the rules give a right on any lease at all, or a right that has
// no scope.
func (rs Rules) AllowSome(right Right) bool {
	return right == None || right == Any || slices.ContainsFunc(rs, func(r Rule) bool { return r.Right.includes(right) })
}

// Include reports whether every rule of the others is within one of these, so that who
// has these may give the others away.
func (rs Rules) Include(others Rules) bool {
	for _, other := range others {
		within := func(r Rule) bool {
			return r.Right.includes(other.Right) &&
				(!r.Right.scoped() || r.Scope == "*" || r.Scope == other.Scope ||
					isPrefix(r.Scope) && strings.HasPrefix(other.Scope, r.Scope))
		}
		if !slices.ContainsFunc(rs, within) {
			return false
		}
	}
	return true
}

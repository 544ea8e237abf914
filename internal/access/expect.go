package access

import (
	"math"
	"slices"
)

// Absent is the expected revision of a principal that must not exist.
const Absent = math.MaxUint64

// Expects returns whether the table is as a change expects it at a wall time. A leader asks it before it proposes the
// change, and proposes one change at a time: the machine does not check it again.
func (t *Table) Expects(c Change, by Caller, wall int64) Outcome {
	switch c.Kind {
	case SetPrincipal:
		return t.expectsPrincipal(c.Principal)
	case AddToken:
		return t.CheckGrant(by, &c.Token, wall)
	case FirstToken:
		if t.mode != Off && t.principals.Len() == 0 {
			return NotFirst // the cluster is not new
		}
	case SetMode:
		if c.Mode == On && t.mode != On && !t.administered(by, wall) {
			return NoAdmin
		}
	}
	return Done
}

// expectsPrincipal compares the revision of a principal with the expected one. A repeat finds its own effect.
func (t *Table) expectsPrincipal(set Principal) Outcome {
	p := t.Principal(set.Name)
	switch {
	case set.Changed == 0, p == nil && set.Changed == Absent:
		return Done
	case p != nil && (p.Changed == set.Changed || slices.Equal(p.Rules, set.Rules)):
		return Done
	}
	return UnknownPrincipal
}

// administered reports whether someone can use the right admin once credentials are required: a token that is valid has
// it, or the caller does by a client certificate or a JSON Web Token.
func (t *Table) administered(by Caller, wall int64) bool {
	if !by.Local && by.TokenID == "" {
		return true
	}
	return slices.ContainsFunc(t.tokens.Items(), func(r *Record) bool {
		return !r.Expired(wall) && t.RulesOf(r).Allow(Admin, "")
	})
}

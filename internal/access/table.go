package access

import (
	"slices"

	"github.com/tidwall/btree"
)

// Bounds of a Table.
const (
	MaxPrincipals = 10_000
	MaxTokens     = 64     // of one principal
	MaxAllTokens  = 20_000 // of all principals
)

// A Table is the replicated state of who may do what. Its records are immutable. It is not safe for concurrent use.
type Table struct {
	mode       Mode
	principals *btree.BTreeG[*Principal] // by name
	tokens     *btree.BTreeG[*Record]    // by ID
	perName    map[string]int            // tokens of a principal; never iterated
	quotas     []Quota                   // see Quotas
	denied     []string                  // see Denied
}

// NewTable returns a table without principals, in mode Off.
func NewTable() *Table {
	options := btree.Options{NoLocks: true}
	return &Table{
		principals: btree.NewBTreeGOptions(func(a, b *Principal) bool { return a.Name < b.Name }, options),
		tokens:     btree.NewBTreeGOptions(func(a, b *Record) bool { return a.ID < b.ID }, options),
		perName:    make(map[string]int),
	}
}

// Copy returns a table to read while this one changes.
func (t *Table) Copy() *Table {
	return &Table{mode: t.mode, principals: t.principals.Copy(), tokens: t.tokens.Copy(), quotas: t.quotas, denied: t.denied}
}

// Mode returns whether requests need credentials.
func (t *Table) Mode() Mode { return t.mode }

// Principal returns a principal, or nil.
func (t *Table) Principal(name string) *Principal {
	p, _ := t.principals.Get(&Principal{Name: name})
	return p
}

// Principals returns all principals, by name.
func (t *Table) Principals() []*Principal { return t.principals.Items() }

// Token returns the record of a token, or nil.
func (t *Table) Token(id string) *Record {
	r, _ := t.tokens.Get(&Record{ID: id})
	return r
}

// Tokens returns the records of all tokens, by ID.
func (t *Table) Tokens() []*Record { return t.tokens.Items() }

// RulesOf returns what a token allows now: its own rules as far as its principal still has them, or those of the
// principal.
func (t *Table) RulesOf(r *Record) Rules {
	p := t.Principal(r.Principal)
	switch {
	case p == nil:
		return nil
	case len(r.Rules) == 0:
		return p.Rules
	}
	var still Rules
	for _, rule := range r.Rules {
		if p.Rules.Include(Rules{rule}) {
			still = append(still, rule)
		}
	}
	return still
}

// Check returns whether a caller has a right on all of some leases at a wall time, regardless of the mode. With no names
// it needs the right on some lease.
func (t *Table) Check(c Caller, right Right, names []string, wall int64) Outcome {
	if c.Local || right == None {
		return Done
	}
	rules, known := t.rulesOfCaller(c, wall)
	switch {
	case !known:
		return Unauthenticated
	case len(names) == 0 && !rules.AllowSome(right):
		return NotAllowed
	case slices.ContainsFunc(names, func(name string) bool { return !rules.Allow(right, name) }):
		return NotAllowed
	}
	return Done
}

// CheckGrant returns whether a caller may create a token: it never allows more than the caller's own credential, and
// never lives longer.
func (t *Table) CheckGrant(c Caller, r *Record, wall int64) Outcome {
	if c.Local {
		return Done
	}
	own, known := t.rulesOfCaller(c, wall)
	if !known {
		return Unauthenticated
	}
	if by := t.Token(c.TokenID); by != nil && by.Expires != 0 && (r.Expires == 0 || r.Expires > by.Expires) {
		return TooLong
	}
	given := r.Rules
	if p := t.Principal(r.Principal); len(given) == 0 && p != nil {
		given = p.Rules
	}
	if !own.Include(given) {
		return TooManyRights
	}
	return Done
}

func (t *Table) rulesOfCaller(c Caller, wall int64) (Rules, bool) {
	p := t.Principal(c.Principal)
	if p == nil {
		return nil, false
	}
	if c.TokenID == "" {
		return p.Rules, true
	}
	r := t.Token(c.TokenID)
	if r == nil || r.Principal != c.Principal || r.Expired(wall) {
		return nil, false
	}
	return t.RulesOf(r), true
}

func (t *Table) setToken(r *Record) {
	if _, known := t.tokens.Set(r); !known {
		t.perName[r.Principal]++
	}
}

func (t *Table) deleteToken(id string) bool {
	r, known := t.tokens.Delete(&Record{ID: id})
	if !known {
		return false
	}
	if t.perName[r.Principal]--; t.perName[r.Principal] == 0 {
		delete(t.perName, r.Principal)
	}
	return true
}

// tokensOf returns the records for which a test is true, by ID.
func (t *Table) tokensOf(is func(*Record) bool) (found []*Record) {
	t.tokens.Scan(func(r *Record) bool {
		if is(r) {
			found = append(found, r)
		}
		return true
	})
	return found
}

package fsm

import (
	"github.com/tidwall/btree"

	"github.com/lockd/lockd/internal/access"
)

// A Principal is what credentials lead to, with what it may do.
type Principal struct {
	Name    string
	Rules   access.Rules
	Changed uint64 // the revision at which the rules last changed
}

// A Token is one credential of a principal, without its secret.
type Token struct {
	ID        string
	Hash      [32]byte // SHA-256 of the secret
	Principal string
	Rules     access.Rules // at most those of the principal; none: all of them
	Expires   int64        // wall time, in milliseconds since 1970; 0: never
	Created   int64        // wall time
	CreatedBy string       // the principal that made it
}

// AuthMode says whether requests need credentials.
type AuthMode uint8

// The modes.
const (
	AuthOff        AuthMode = iota // no request needs one
	AuthPermissive                 // what would be refused is counted and served
	AuthOn
	authEnd
)

func (a AuthMode) String() string { return [...]string{"off", "permissive", "on"}[a] }

// accessTable is who may do what. Records in it are immutable.
type accessTable struct {
	mode       AuthMode
	principals *btree.BTreeG[*Principal] // by name
	tokens     *btree.BTreeG[*Token]     // by ID
	perName    map[string]int            // tokens of a principal; only looked up
}

func newAccessTable() accessTable {
	return accessTable{
		principals: tree(func(a, b *Principal) bool { return a.Name < b.Name }),
		tokens:     tree(func(a, b *Token) bool { return a.ID < b.ID }),
		perName:    make(map[string]int),
	}
}

func (a *accessTable) principal(name string) *Principal {
	p, _ := a.principals.Get(&Principal{Name: name})
	return p
}

func (a *accessTable) setToken(t *Token) {
	if _, known := a.tokens.Set(t); !known {
		a.perName[t.Principal]++
	}
}

func (a *accessTable) deleteToken(id string) bool {
	t, known := a.tokens.Delete(&Token{ID: id})
	if !known {
		return false
	}
	if a.perName[t.Principal]--; a.perName[t.Principal] == 0 {
		delete(a.perName, t.Principal)
	}
	return true
}

// tokensOf returns the tokens for which a test is true, in the order of their IDs.
func (a *accessTable) tokensOf(is func(*Token) bool) (found []*Token) {
	a.tokens.Scan(func(t *Token) bool {
		if is(t) {
			found = append(found, t)
		}
		return true
	})
	return found
}

// Auth returns whether requests need credentials.
func (m *Machine) Auth() AuthMode { return m.access.mode }

// Principal returns a principal, or nil. The record is immutable.
func (m *Machine) Principal(name string) *Principal { return m.access.principal(name) }

// Principals returns all of them, by name.
func (m *Machine) Principals() []*Principal { return m.access.principals.Items() }

// Token returns a token by its ID, or nil. The record is immutable.
func (m *Machine) Token(id string) *Token {
	t, _ := m.access.tokens.Get(&Token{ID: id})
	return t
}

// Tokens returns all tokens, by ID.
func (m *Machine) Tokens() []*Token { return m.access.tokens.Items() }

// Rules returns what a token allows now: its own rules, as far as its principal still has
// them, or those of the principal.
func (m *Machine) Rules(t *Token) access.Rules {
	p := m.access.principal(t.Principal)
	switch {
	case p == nil:
		return nil
	case len(t.Rules) == 0:
		return p.Rules
	}
	var still access.Rules
	for _, r := range t.Rules {
		if p.Rules.Include(access.Rules{r}) {
			still = append(still, r)
		}
	}
	return still
}

package fsm

import (
	"slices"

	"github.com/lockd/lockd/internal/access"
)

// SetPrincipal adds a principal or replaces its rules.
type SetPrincipal struct {
	Name  string
	Rules access.Rules
}

func (*SetPrincipal) kind() kind { return 18 }

// Traits implements Command.
func (*SetPrincipal) Traits() Traits { return Traits{Lane: LaneDefault, Weight: 1} }

// Validate names every field out of bounds.
func (c *SetPrincipal) Validate() error {
	var v validation
	v.principal("principal", c.Name)
	v.rules("rules", c.Rules)
	if len(c.Rules) == 0 {
		v.addf("rules", "must have at least one rule, such as acquire:billing.")
	}
	return v.err()
}

func (c *SetPrincipal) encode(e *encoder) {
	e.since(2, true)
	e.string(c.Name)
	e.rules(c.Rules)
}

func (c *SetPrincipal) decode(d *decoder) {
	c.Name = d.string(access.MaxPrincipalBytes)
	c.Rules = d.rules()
}

func (c *SetPrincipal) apply(m *Machine) Result {
	before := m.access.principal(c.Name)
	switch {
	case before != nil && slices.Equal(before.Rules, c.Rules):
		return Result{Code: CodeOK}
	case before == nil && m.access.principals.Len() >= MaxPrincipals:
		return Result{Code: CodeTooManyPrincipals}
	}
	m.changeAccess()
	m.access.principals.Set(&Principal{Name: c.Name, Rules: c.Rules, Changed: m.revision})
	return Result{Code: CodeOK}
}

// DeletePrincipal removes a principal and all of its tokens. What it holds ends by its TTL.
type DeletePrincipal struct{ Name string }

func (*DeletePrincipal) kind() kind { return 19 }

// Traits implements Command.
func (*DeletePrincipal) Traits() Traits { return Traits{Lane: LaneDefault, Weight: 1} }

// Validate names every field out of bounds.
func (c *DeletePrincipal) Validate() error {
	var v validation
	v.principal("principal", c.Name)
	return v.err()
}

func (c *DeletePrincipal) encode(e *encoder) {
	e.since(2, true)
	e.string(c.Name)
}

func (c *DeletePrincipal) decode(d *decoder) { c.Name = d.string(access.MaxPrincipalBytes) }

func (c *DeletePrincipal) apply(m *Machine) Result {
	if _, known := m.access.principals.Delete(&Principal{Name: c.Name}); !known {
		return Result{Code: CodeUnknownPrincipal}
	}
	for _, t := range m.access.tokensOf(func(t *Token) bool { return t.Principal == c.Name }) {
		m.access.deleteToken(t.ID)
	}
	m.changeAccess()
	return Result{Code: CodeOK}
}

// SetToken adds a token to a principal. First makes the principal, too, with all rights, and is
// refused if there is any principal: it gives a new cluster its first credential.
type SetToken struct {
	Token Token
	First bool
}

func (*SetToken) kind() kind { return 20 }

// Traits implements Command.
func (*SetToken) Traits() Traits { return Traits{Lane: LaneDefault, Weight: 1} }

// Validate names every field out of bounds.
func (c *SetToken) Validate() error {
	var v validation
	if !access.ValidTokenID(c.Token.ID) {
		v.addf("id", "must be the ID of a token")
	}
	v.principal("principal", c.Token.Principal)
	v.rules("rules", c.Token.Rules)
	if c.Token.CreatedBy != "" {
		v.text("created_by", c.Token.CreatedBy, access.MaxPrincipalBytes)
	}
	v.between("expires_at", c.Token.Expires, 0, MaxSafeInteger)
	v.between("created_at", c.Token.Created, 0, MaxSafeInteger)
	return v.err()
}

func (c *SetToken) encode(e *encoder) {
	e.since(2, true)
	e.token(&c.Token)
	e.bool(c.First)
}

func (c *SetToken) decode(d *decoder) {
	c.Token = *d.token()
	c.First = d.bool()
}

func (c *SetToken) apply(m *Machine) Result {
	if c.First && m.access.principals.Len() > 0 {
		return Result{Code: CodeNotFirst}
	}
	if t := m.Token(c.Token.ID); t != nil {
		if t.Hash == c.Token.Hash && t.Principal == c.Token.Principal {
			return Result{Code: CodeOK} // a repeat
		}
		return Result{Code: CodeTokenExists}
	}
	p := m.access.principal(c.Token.Principal)
	switch {
	case c.First:
		p = &Principal{Name: c.Token.Principal, Rules: access.Rules{{Right: access.Admin}}}
	case p == nil:
		return Result{Code: CodeUnknownPrincipal}
	case !p.Rules.Include(c.Token.Rules):
		return Result{Code: CodeTooManyRights}
	case m.access.perName[p.Name] >= MaxTokens && !m.dropExpired(p.Name):
		return Result{Code: CodeTooManyPrincipals}
	}
	m.changeAccess()
	if c.First {
		p.Changed = m.revision
		m.access.principals.Set(p)
	}
	t := c.Token
	m.access.setToken(&t)
	return Result{Code: CodeOK}
}

// dropExpired removes the expired tokens of a principal, by the wall time of the entry, and
// reports whether there were any.
func (m *Machine) dropExpired(principal string) bool {
	expired := m.access.tokensOf(func(t *Token) bool {
		return t.Principal == principal && t.Expires != 0 && t.Expires <= m.wall
	})
	for _, t := range expired {
		m.access.deleteToken(t.ID)
	}
	return len(expired) > 0
}

// DeleteToken revokes a token. What its principal holds ends by its TTL.
type DeleteToken struct{ ID string }

func (*DeleteToken) kind() kind { return 21 }

// Traits implements Command.
func (*DeleteToken) Traits() Traits { return Traits{Lane: LaneDefault, Weight: 1} }

// Validate names every field out of bounds.
func (c *DeleteToken) Validate() error {
	var v validation
	if !access.ValidTokenID(c.ID) {
		v.addf("id", "must be the ID of a token")
	}
	return v.err()
}

func (c *DeleteToken) encode(e *encoder) {
	e.since(2, true)
	e.string(c.ID)
}

func (c *DeleteToken) decode(d *decoder) { c.ID = d.string(access.TokenIDLength) }

func (c *DeleteToken) apply(m *Machine) Result {
	if !m.access.deleteToken(c.ID) {
		return Result{Code: CodeUnknownToken}
	}
	m.changeAccess()
	return Result{Code: CodeOK}
}

// SetAuth says whether requests need credentials, from this entry on, on every node.
type SetAuth struct{ Mode AuthMode }

func (*SetAuth) kind() kind { return 22 }

// Traits implements Command.
func (*SetAuth) Traits() Traits { return Traits{Lane: LaneDefault, Weight: 1} }

// Validate names every field out of bounds.
func (c *SetAuth) Validate() error {
	var v validation
	v.between("mode", int64(c.Mode), 0, int64(authEnd)-1)
	return v.err()
}

func (c *SetAuth) encode(e *encoder) {
	e.since(2, true)
	e.uint(uint64(c.Mode))
}

func (c *SetAuth) decode(d *decoder) { c.Mode = AuthMode(d.byteOf(uint64(authEnd) - 1)) }

// apply refuses to switch authentication on without an administrator: no one could switch
// it off again but at the socket of a node.
func (c *SetAuth) apply(m *Machine) Result {
	admin := func(t *Token) bool { return m.Rules(t).Allow(access.Admin, "") }
	switch {
	case c.Mode == m.access.mode:
		return Result{Code: CodeOK}
	case c.Mode != AuthOff && len(m.access.tokensOf(admin)) == 0:
		return Result{Code: CodeNoAdmin}
	}
	m.access.mode = c.Mode
	m.changeAccess()
	return Result{Code: CodeOK}
}

// changeAccess counts a change of who may do what, and reports it to those who look.
func (m *Machine) changeAccess() {
	m.revision++
	m.applied.Access = true
}

func (v *validation) principal(field, s string) {
	if err := access.CheckPrincipal(s); err != nil {
		v.addf(field, "must be 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit")
	}
}

func (v *validation) rules(field string, rules access.Rules) {
	if len(rules) > access.MaxRules {
		v.addf(field, "must be at most %d rules", access.MaxRules)
	}
	for i, r := range rules {
		if err := r.Check(); err != nil {
			v.addf(indexed(field, i), "%v", err)
		}
	}
}

func (e *encoder) rules(rules access.Rules) {
	e.uint(uint64(len(rules)))
	for _, r := range rules {
		e.uint(uint64(r.Right))
		e.string(r.Scope)
	}
}

func (d *decoder) rules() access.Rules {
	var rules access.Rules
	for range d.count(access.MaxRules) {
		r := access.Rule{Right: access.Right(d.byteOf(255)), Scope: d.string(access.MaxScopeBytes)}
		if err := r.Check(); err != nil {
			d.fail("%v", err)
			return nil
		}
		rules = append(rules, r)
	}
	return rules
}

func (e *encoder) token(t *Token) {
	e.string(t.ID)
	e.string(string(t.Hash[:]))
	e.string(t.Principal)
	e.rules(t.Rules)
	e.int64(t.Expires)
	e.int64(t.Created)
	e.string(t.CreatedBy)
}

func (d *decoder) token() *Token {
	t := &Token{ID: d.string(access.TokenIDLength)}
	if n := copy(t.Hash[:], d.string(len(t.Hash))); n != len(t.Hash) {
		d.fail("a token's hash has %d bytes", n)
	}
	t.Principal = d.string(access.MaxPrincipalBytes)
	t.Rules = d.rules()
	t.Expires, t.Created = d.int64(), d.int64()
	t.CreatedBy = d.string(access.MaxPrincipalBytes)
	return t
}

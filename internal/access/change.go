package access

import "slices"

// An Outcome is the result of a change of the table, or of a check.
type Outcome uint8

// The outcomes. Replies between nodes contain them: add at the end, never reorder.
const (
	Done              Outcome = iota
	Unauthenticated           // the caller has no valid credential
	NotAllowed                // no rule of the caller allows it
	UnknownPrincipal          // no principal has that name, or its revision is not the expected one
	TooManyPrincipals         // there are MaxPrincipals
	UnknownToken              // no token has that ID
	TokenExists               // another token has that ID
	TooManyTokens             // the principal has MaxTokens, or all have MaxAllTokens
	TooManyRights             // a token cannot have more rights than its principal
	NotFirst                  // a principal exists already, or the cluster is not new
	NoAdmin                   // no credential would have the right admin
	TooManyQuotas             // there are MaxQuotas
	UnknownQuota              // no quota has that scope
	OnlySocket                // only the admin socket may disable authentication
	TooLong                   // a token cannot outlive the one that creates it
	outcomeEnd
)

// OutcomeEnd is above every outcome.
const OutcomeEnd = outcomeEnd

func (o Outcome) String() string {
	return [...]string{
		Done:              "done",
		Unauthenticated:   "there is no valid credential",
		NotAllowed:        "no rule allows it",
		UnknownPrincipal:  "there is no principal with that name and the expected revision",
		TooManyPrincipals: "the limit of 10000 principals is reached; delete some",
		UnknownToken:      "there is no token with that ID",
		TokenExists:       "another token has that ID; try again",
		TooManyTokens:     "the principal has 64 tokens, or all principals have 20000, which is the limit; revoke some",
		TooManyRights:     "a token cannot have more rights than its principal",
		NotFirst:          "the cluster has or had a principal already; ask an administrator, or use the admin socket of a node",
		NoAdmin:           "no valid token has the right admin, and this could not be changed again; create one first, or do this with the certificate or JSON Web Token of an administrator",
		TooManyQuotas:     "the limit of 100 quotas is reached; delete some",
		UnknownQuota:      "there is no quota with that scope",
		OnlySocket:        "only the admin socket of a node can disable authentication: run lockd auth disable on a node",
		TooLong:           "a token cannot outlive the one that creates it; ask an administrator",
	}[o]
}

// A Kind is what a change does.
type Kind uint8

// The kinds. The log contains them: add at the end, never reorder.
const (
	SetPrincipal    Kind = iota + 1 // adds a principal or replaces its rules
	DeletePrincipal                 // removes a principal and its tokens; its holds end by their TTL
	AddToken                        // adds a token to a principal
	FirstToken                      // adds the first principal, with the right admin, and a token of it
	DeleteToken                     // revokes a token
	SetMode
	SetQuota // adds a quota or replaces the one of its scope
	DeleteQuota
	DenyCertificate // denies the certificate of a node that is removed
	kindEnd
)

// A Change is a change of the table. Its kind determines which fields it has.
type Change struct {
	Kind      Kind
	Principal Principal // its name, its rules and, as Changed, the revision that it must have: 0 is any, see Absent
	Token     Record    // for DeleteToken: its ID, and its principal unless that may be any
	Mode      Mode
	Quota     Quota  // for DeleteQuota: its scope
	Serial    string // of a certificate, in hexadecimal digits
}

// Permits returns whether a caller may make a change in the present mode. It is checked when the change is applied: a node
// that lags does not know the mode.
func (t *Table) Permits(c Change, by Caller) Outcome {
	if c.Kind == SetMode && t.mode == On && c.Mode != On && !by.Local {
		return OnlySocket
	}
	return Done
}

// Apply applies a change at a revision and a wall time. The table is unchanged unless changed is true; a repeat is Done
// and changes nothing.
func (t *Table) Apply(c Change, revision uint64, wall int64) (o Outcome, changed bool) {
	switch c.Kind {
	case SetPrincipal:
		return t.setPrincipal(c.Principal, revision)
	case DeletePrincipal:
		return t.deletePrincipal(c.Principal.Name)
	case AddToken:
		return t.addToken(c.Token, wall)
	case FirstToken:
		return t.firstToken(c.Token, revision)
	case DeleteToken:
		return t.revoke(c.Token)
	case SetQuota:
		return t.setQuota(c.Quota)
	case DeleteQuota:
		return t.deleteQuota(c.Quota.Scope)
	case DenyCertificate:
		return t.deny(c.Serial)
	}
	return t.setMode(c.Mode)
}

func (t *Table) setPrincipal(p Principal, revision uint64) (Outcome, bool) {
	before := t.Principal(p.Name)
	switch {
	case before != nil && slices.Equal(before.Rules, p.Rules):
		return Done, false
	case before == nil && t.principals.Len() >= MaxPrincipals:
		return TooManyPrincipals, false
	}
	t.principals.Set(&Principal{Name: p.Name, Rules: p.Rules, Changed: revision})
	return Done, true
}

func (t *Table) deletePrincipal(name string) (Outcome, bool) {
	if _, known := t.principals.Delete(&Principal{Name: name}); !known {
		return UnknownPrincipal, false
	}
	for _, r := range t.tokensOf(func(r *Record) bool { return r.Principal == name }) {
		t.deleteToken(r.ID)
	}
	return Done, true
}

func (t *Table) addToken(r Record, wall int64) (Outcome, bool) {
	if before := t.Token(r.ID); before != nil {
		if before.Hash == r.Hash && before.Principal == r.Principal {
			return Done, false // a repeat
		}
		return TokenExists, false
	}
	p := t.Principal(r.Principal)
	switch {
	case p == nil:
		return UnknownPrincipal, false
	case !p.Rules.Include(r.Rules):
		return TooManyRights, false
	case (t.perName[p.Name] >= MaxTokens || t.tokens.Len() >= MaxAllTokens) && !t.dropExpired(p.Name, wall):
		return TooManyTokens, false
	}
	t.setToken(&r)
	return Done, true
}

// revoke removes a token. If the principal is stated, the token must be one of it.
func (t *Table) revoke(which Record) (Outcome, bool) {
	r := t.Token(which.ID)
	if r == nil || which.Principal != "" && which.Principal != r.Principal {
		return UnknownToken, false
	}
	t.deleteToken(r.ID)
	return Done, true
}

// firstToken gives a new cluster its first credential.
func (t *Table) firstToken(r Record, revision uint64) (Outcome, bool) {
	if t.principals.Len() > 0 {
		if before := t.Token(r.ID); before != nil && before.Hash == r.Hash {
			return Done, false // a repeat
		}
		return NotFirst, false
	}
	t.principals.Set(&Principal{Name: r.Principal, Rules: Rules{{Right: Admin}}, Changed: revision})
	t.setToken(&r)
	return Done, true
}

// dropExpired removes the expired tokens of a principal, and reports whether there were any.
func (t *Table) dropExpired(principal string, wall int64) bool {
	expired := t.tokensOf(func(r *Record) bool { return r.Principal == principal && r.Expired(wall) })
	for _, r := range expired {
		t.deleteToken(r.ID)
	}
	return len(expired) > 0
}

// setMode refuses to require credentials while no credential has the right admin.
func (t *Table) setMode(m Mode) (Outcome, bool) {
	admin := func(p *Principal) bool { return p.Rules.Allow(Admin, "") }
	switch {
	case m == t.mode:
		return Done, false
	case m != Off && !slices.ContainsFunc(t.principals.Items(), admin):
		return NoAdmin, false
	}
	t.mode = m
	return Done, true
}

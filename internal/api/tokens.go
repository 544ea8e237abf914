package api

import (
	"net/http"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/auth"
	"github.com/lockd/lockd/internal/fsm"
)

type tokensBody struct {
	Tokens []view.Token `json:"tokens"`
}

// listTokens shows an administrator all tokens, and another caller its own.
func listTokens(c *call) {
	b := tokensBody{Tokens: []view.Token{}}
	table := c.s.cfg.Access.Table()
	for _, t := range table.Tokens() {
		if owns(c, t.Principal) {
			b.Tokens = append(b.Tokens, view.NewToken(t, table.RulesOf(t)))
		}
	}
	c.json(http.StatusOK, 0, b)
}

// owns reports whether the caller may see and change the tokens of a principal.
func owns(c *call, principal string) bool {
	return c.caller.administers() || c.caller.Principal != "" && c.caller.Principal == principal
}

// maxTokenLife bounds the life of a token that expires: ten years, in milliseconds.
const maxTokenLife fsm.Millis = 10 * 365 * 24 * 60 * 60 * 1_000

// createToken creates a token of the caller itself or, for an administrator, of any principal. If an administrator
// states rules for a principal that does not exist, it is created with these rules.
func createToken(c *call) {
	t, expiresIn := access.Record{Principal: c.caller.Principal}, fsm.Millis(0)
	if !c.decode(form.Members{Optional: []string{"principal", "rules", "expires_in_ms"}}, func(d *form.Decoder, field string) bool {
		switch field {
		case "principal":
			t.Principal = d.Text(field)
		case "rules":
			t.Rules = rules(d, field)
		case "expires_in_ms":
			expiresIn = d.Millis(field, 1_000, maxTokenLife)
		default:
			return false
		}
		return true
	}) {
		return
	}
	if t.Principal == "" {
		c.wrong("principal", "must be the name of a principal")
		return
	}
	if !owns(c, t.Principal) {
		deny(c, problems.NotAllowed, "the token would be one of another principal")
		return
	}
	secret, err := access.NewToken(c.s.cfg.Random)
	if err != nil {
		c.fail(problems.Internal)
		return
	}
	now := time.Now()
	t.ID, t.Hash, t.Created, t.CreatedBy = secret.ID, secret.Hash(), now.UnixMilli(), c.caller.Principal
	if expiresIn > 0 {
		t.Expires = now.Add(duration(expiresIn)).UnixMilli()
	}
	if !limitLife(c, &t, expiresIn > 0) {
		return
	}
	if !ensurePrincipal(c, &t) {
		return
	}
	r, ok := changeAccess(c, "a token is created", access.Change{Kind: access.AddToken, Token: t}, "principal", t.Principal, "token_id", t.ID)
	if !ok {
		return
	}
	b := view.NewToken(&t, allowedNow(c, &t))
	b.Token = secret.Secret()
	c.json(http.StatusCreated, r.Revision, b)
}

// limitLife ends a token no later than the credential of its creator, which would otherwise outlive itself. An
// administrator may create any token.
func limitLife(c *call, t *access.Record, stated bool) bool {
	until := c.caller.Expires
	if until.IsZero() || c.caller.administers() && c.caller.By != auth.ByToken {
		return true
	}
	switch {
	case !stated:
		t.Expires = until.UnixMilli()
	case t.Expires > until.UnixMilli():
		refusedByTable(c, access.TooLong)
		return false
	}
	return true
}

// ensurePrincipal creates the principal of a token that an administrator creates, with the rules of the token, unless it
// exists. The token then has the rules of its principal. A principal that another request creates meanwhile is not changed.
func ensurePrincipal(c *call, t *access.Record) bool {
	if !c.caller.administers() || len(t.Rules) == 0 {
		return true
	}
	ctx, cancel := c.deadline(0)
	defer cancel()
	if err := c.s.cfg.Access.CatchUp(ctx); c.failed(err, problems.OfRead) {
		return false
	}
	if c.s.cfg.Access.Rules(t.Principal) != nil {
		return true
	}
	p := access.Principal{Name: t.Principal, Rules: t.Rules, Changed: access.Absent}
	cmd := &fsm.ChangeAccess{Change: access.Change{Kind: access.SetPrincipal, Principal: p}}
	if wrong := cmd.Validate(); c.failed(wrong, problems.Of) || !authorize(c, cmd) {
		return false
	}
	r, err := c.s.cfg.Leases.Do(ctx, cmd)
	switch {
	case c.failed(err, problems.Of):
		return false
	case r.Outcome == access.UnknownPrincipal: // it was created meanwhile
		return true
	case !r.Code.OK():
		c.refused(&r, "")
		return false
	}
	c.record("a principal is created", true, "principal", p.Name, "rules", p.Rules.Strings())
	t.Rules = nil
	return true
}

// allowedNow returns what a new token allows, once this node knows it.
func allowedNow(c *call, t *access.Record) access.Rules {
	ctx, cancel := c.deadline(0)
	defer cancel()
	if c.s.cfg.Access.CatchUp(ctx) == nil {
		if record, allows := c.s.cfg.Access.Token(t.ID); record != nil {
			return allows
		}
	}
	return t.Rules
}

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

// accessRefusals are the refusals of commands about principals and tokens, in words.
var accessRefusals = map[fsm.Code]string{
	fsm.CodeUnknownPrincipal:  "there is no principal with that name",
	fsm.CodeTooManyPrincipals: "the limit of principals, or of tokens of one principal, is reached; delete some",
	fsm.CodeUnknownToken:      "there is no token with that ID",
	fsm.CodeTokenExists:       "there is another token with that ID; try again",
	fsm.CodeTooManyRights:     "a token cannot have more rights than its principal",
	fsm.CodeNotFirst:          "the cluster has a principal already; ask an administrator",
	fsm.CodeNoAdmin:           "no token has the right admin; create one first",
}

// changeAccess passes a command about principals or tokens to the leader. If it is refused, it sends the answer and
// returns false.
func (c *call) changeAccess(what string, cmd fsm.Command, attrs ...any) (fsm.Reply, bool) {
	if wrong := cmd.Validate(); c.failed(wrong, kindOf) {
		return fsm.Reply{}, false
	}
	ctx, cancel := c.deadline(0)
	defer cancel()
	r, err := c.s.cfg.Leases.Do(ctx, cmd)
	c.record(what, err == nil && r.Code.OK(), append(attrs, "by", c.caller.Principal)...)
	if c.failed(err, kindOf) {
		return r, false
	}
	if !r.Code.OK() {
		c.failed(&fsm.Refused{Reason: accessRefusals[r.Code]}, kindOf)
		return r, false
	}
	return r, true
}

type principalBody struct {
	Name  string   `json:"name"`
	Rules []string `json:"rules"`
}

type principalsBody struct {
	Principals []principalBody `json:"principals"`
}

func listPrincipals(c *call) {
	b := principalsBody{Principals: []principalBody{}}
	for _, p := range c.s.cfg.Access.Principals() {
		b.Principals = append(b.Principals, principalBody{p.Name, p.Rules.Strings()})
	}
	c.json(http.StatusOK, 0, b)
}

func putPrincipal(c *call) {
	cmd := &fsm.SetPrincipal{Name: c.param("principal")}
	if !c.decode(members{required: []string{"rules"}}, func(d *decoder, field string) bool {
		if field != "rules" {
			return false
		}
		cmd.Rules = d.rules(field)
		return true
	}) {
		return
	}
	if r, ok := c.changeAccess("a principal is set", cmd, "principal", cmd.Name, "rules", cmd.Rules.Strings()); ok {
		c.json(http.StatusOK, r.Revision, principalBody{cmd.Name, cmd.Rules.Strings()})
	}
}

func deletePrincipal(c *call) {
	cmd := &fsm.DeletePrincipal{Name: c.param("principal")}
	if r, ok := c.changeAccess("a principal is deleted", cmd, "principal", cmd.Name); ok {
		c.json(http.StatusOK, r.Revision, struct {
			Name string `json:"name"`
		}{cmd.Name})
	}
}

type tokenBody struct {
	ID        string   `json:"id"`
	Principal string   `json:"principal"`
	Rules     []string `json:"rules"`                // of the token now
	ExpiresAt string   `json:"expires_at,omitempty"` // absent: never
	CreatedAt string   `json:"created_at"`
	CreatedBy string   `json:"created_by,omitempty"`
	Token     string   `json:"token,omitempty"` // the secret: only in the answer that makes it
}

func newToken(t *fsm.Token, rules access.Rules) tokenBody {
	b := tokenBody{ID: t.ID, Principal: t.Principal, Rules: rules.Strings(), CreatedAt: wall(t.Created), CreatedBy: t.CreatedBy}
	if t.Expires != 0 {
		b.ExpiresAt = wall(t.Expires)
	}
	return b
}

type tokensBody struct {
	Tokens []tokenBody `json:"tokens"`
}

// listTokens shows an administrator all tokens, and another caller its own.
func listTokens(c *call) {
	b := tokensBody{Tokens: []tokenBody{}}
	for _, t := range c.s.cfg.Access.Tokens() {
		if c.owns(t.Principal) {
			_, rules := c.s.cfg.Access.Token(t.ID)
			b.Tokens = append(b.Tokens, newToken(t, rules))
		}
	}
	c.json(http.StatusOK, 0, b)
}

// owns reports whether the caller may see and change the tokens of a principal.
func (c *call) owns(principal string) bool {
	return c.sees(access.Admin, "") || c.caller.Principal != "" && c.caller.Principal == principal
}

// createToken makes a token for the caller itself or, for an administrator, for any principal. With rules the principal
// is made, too, if there is none with that name.
func createToken(c *call) {
	t, expiresIn := fsm.Token{Principal: c.caller.Principal}, fsm.Millis(0)
	if !c.decode(members{optional: []string{"principal", "rules", "expires_in_ms"}}, func(d *decoder, field string) bool {
		switch field {
		case "principal":
			t.Principal = d.text(field)
		case "rules":
			t.Rules = d.rules(field)
		case "expires_in_ms":
			expiresIn = d.millis(field, 1_000, maxTokenLife)
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
	if !c.owns(t.Principal) || !c.caller.open && !c.caller.rules.Include(t.Rules) {
		c.fail(kindNotAllowed)
		return
	}
	secret, err := access.NewToken(c.s.cfg.Random)
	if err != nil {
		c.fail(kindInternal)
		return
	}
	now := time.Now()
	t.ID, t.Hash, t.Created, t.CreatedBy = secret.ID, secret.Hash(), now.UnixMilli(), c.caller.Principal
	if expiresIn > 0 {
		t.Expires = now.Add(duration(expiresIn)).UnixMilli()
	}
	if !c.ensurePrincipal(&t) {
		return
	}
	r, ok := c.changeAccess("a token is created", &fsm.SetToken{Token: t}, "principal", t.Principal, "token_id", t.ID)
	if !ok {
		return
	}
	b := newToken(&t, c.rulesOf(r.Revision, &t))
	b.Token = secret.Secret()
	c.json(http.StatusCreated, r.Revision, b)
}

// maxTokenLife bounds the life of a token that expires: ten years, in milliseconds.
const maxTokenLife fsm.Millis = 10 * 365 * 24 * 60 * 60 * 1_000

// ensurePrincipal makes the principal of a token that an administrator creates, with the rules of the token, unless it
// exists. The token then has the rules of its principal.
func (c *call) ensurePrincipal(t *fsm.Token) bool {
	if c.s.cfg.Access.Rules(t.Principal) != nil || len(t.Rules) == 0 || !c.sees(access.Admin, "") {
		return true
	}
	cmd := &fsm.SetPrincipal{Name: t.Principal, Rules: t.Rules}
	_, ok := c.changeAccess("a principal is set", cmd, "principal", cmd.Name, "rules", cmd.Rules.Strings())
	t.Rules = nil
	return ok
}

// rulesOf returns what a new token allows, as soon as this node has applied its revision.
func (c *call) rulesOf(revision uint64, t *fsm.Token) access.Rules {
	ctx, cancel := c.deadline(0)
	defer cancel()
	if c.s.cfg.Access.CatchUp(ctx) == nil {
		if stored, rules := c.s.cfg.Access.Token(t.ID); stored != nil {
			return rules
		}
	}
	return t.Rules
}

func deleteToken(c *call) {
	cmd := &fsm.DeleteToken{ID: c.param("id")}
	if t, _ := c.s.cfg.Access.Token(cmd.ID); t == nil && !c.sees(access.Admin, "") || t != nil && !c.owns(t.Principal) {
		c.fail(kindNotAllowed)
		return
	}
	if r, ok := c.changeAccess("a token is revoked", cmd, "token_id", cmd.ID); ok {
		c.json(http.StatusOK, r.Revision, struct {
			ID string `json:"id"`
		}{cmd.ID})
	}
}

// authBody answers who the caller is and whether requests need credentials.
type authBody struct {
	Mode      string   `json:"mode"`
	Principal string   `json:"principal,omitempty"`
	TokenID   string   `json:"token_id,omitempty"`
	Rules     []string `json:"rules,omitempty"`
}

func getAuth(c *call) {
	b := authBody{Mode: c.s.cfg.Access.Auth().String(), Principal: c.caller.Principal, TokenID: c.caller.TokenID}
	if !c.caller.open {
		b.Rules = c.caller.rules.Strings()
	}
	c.json(http.StatusOK, 0, b)
}

var authModes = map[string]fsm.AuthMode{"off": fsm.AuthOff, "permissive": fsm.AuthPermissive, "on": fsm.AuthOn}

// setAuth changes whether requests need credentials. Only the socket of a node can switch that off.
func setAuth(c *call) {
	cmd, mode := &fsm.SetAuth{}, ""
	if !c.decode(members{required: []string{"mode"}}, func(d *decoder, field string) bool {
		if field != "mode" {
			return false
		}
		if mode = d.text(field); authModes[mode] == 0 && mode != "off" {
			d.fieldError(field, "must be on, permissive or off")
		}
		return true
	}) {
		return
	}
	cmd.Mode = authModes[mode]
	if cmd.Mode == fsm.AuthOff && c.caller.Auth != authSocket && c.s.cfg.Access.Auth() != fsm.AuthOff {
		p := c.problem(kindNotAllowed)
		p.Detail = "Nothing changed. Authentication can be switched off at the socket of a node only: run lockd auth disable on a node."
		c.refuse(p)
		return
	}
	if r, ok := c.changeAccess("authentication is changed", cmd, "mode", mode); ok {
		c.json(http.StatusOK, r.Revision, authBody{Mode: mode, Principal: c.caller.Principal, TokenID: c.caller.TokenID})
	}
}

// rules reads a list of rules.
func (d *decoder) rules(field string) (rules access.Rules) {
	d.list(field, 1, access.MaxRules, func(element, _ string) {
		r, err := access.ParseRule(d.text(element))
		if err != nil {
			d.fieldError(element, err.Error())
			return
		}
		rules = append(rules, r)
	})
	return rules
}

// Socket returns the handler of a node's local socket: every caller there is an administrator.
func (s *Server) Socket() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), socketKey{}, true)))
	})
}

type socketKey struct{}

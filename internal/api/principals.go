package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/auth"
	"github.com/lockd/lockd/internal/fsm"
)

// changeAccess passes a change of principals, tokens or the mode to the leader. If it is refused, it sends the answer and
// returns false. It logs the change with the message what.
func changeAccess(c *call, what string, change access.Change, attrs ...any) (fsm.Reply, bool) {
	cmd := &fsm.ChangeAccess{Change: change}
	cmd.Caller = c.caller.Caller
	c.caller.target = targetOf(attrs)
	r, ok := c.do(cmd)
	c.record(what, ok, attrs...)
	return r, ok
}

// targetOf returns what a change is about, for the audit log.
func targetOf(attrs []any) string {
	var b strings.Builder
	for i := 0; i+1 < len(attrs); i += 2 {
		fmt.Fprintf(&b, " %v=%v", attrs[i], attrs[i+1])
	}
	return strings.TrimSpace(b.String())
}

type principalBody struct {
	Name     string   `json:"name"`
	Rules    []string `json:"rules"`
	Revision uint64   `json:"revision"` // at which it was last set
}

type principalsBody struct {
	Principals []principalBody `json:"principals"`
}

func listPrincipals(c *call) {
	b := principalsBody{Principals: []principalBody{}}
	for _, p := range c.s.cfg.Access.Table().Principals() {
		b.Principals = append(b.Principals, principalBody{p.Name, p.Rules.Strings(), p.Changed})
	}
	c.json(http.StatusOK, 0, b)
}

func setPrincipal(c *call) {
	p := access.Principal{Name: c.param("principal")}
	if !c.decode(form.Members{Required: []string{"rules"}, Optional: []string{"revision"}}, func(d *form.Decoder, field string) bool {
		switch field {
		case "rules":
			p.Rules = rules(d, field)
		case "revision":
			p.Changed = expected(d, field)
		default:
			return false
		}
		return true
	}) {
		return
	}
	r, ok := changeAccess(c, "a principal is set", access.Change{Kind: access.SetPrincipal, Principal: p}, "principal", p.Name, "rules", p.Rules.Strings())
	if ok {
		c.json(http.StatusOK, r.Revision, principalBody{p.Name, p.Rules.Strings(), setAt(c, p, r.Revision)})
	}
}

// setAt returns the revision at which a principal got its rules: an older one if the request did not change them.
func setAt(c *call, p access.Principal, revision uint64) uint64 {
	ctx, cancel := c.deadline(0)
	defer cancel()
	if c.s.cfg.Access.CatchUp(ctx) == nil {
		if now := c.s.cfg.Access.Table().Principal(p.Name); now != nil && slices.Equal(now.Rules, p.Rules) {
			return now.Changed
		}
	}
	return revision
}

// expected reads the revision that a principal must have; 0: it must not exist.
func expected(d *form.Decoder, field string) uint64 {
	if revision := d.Integer(field, 0, fsm.MaxSafeInteger); revision > 0 {
		return uint64(revision)
	}
	return access.Absent
}

// deletedBody answers the deletion of a principal or a token.
type deletedBody struct {
	Name     string `json:"name,omitempty"`
	ID       string `json:"id,omitempty"`
	Scope    string `json:"scope,omitempty"`
	Broken   int    `json:"broken,omitempty"`   // how many holds of the principal were broken
	WasGone  bool   `json:"was_gone,omitempty"` // the token had been revoked before
	Revision uint64 `json:"revision"`
}

func deletePrincipal(c *call) {
	name := c.param("principal")
	change := access.Change{Kind: access.DeletePrincipal, Principal: access.Principal{Name: name}}
	if r, ok := changeAccess(c, "a principal is deleted", change, "principal", name); ok {
		c.json(http.StatusOK, r.Revision, deletedBody{Name: name, Revision: r.Revision})
	}
}

// rules reads a list of rules.
func rules(d *form.Decoder, field string) (read access.Rules) {
	d.List(field, 1, access.MaxRules, func(element, _ string) {
		r, err := access.ParseRule(d.Text(element))
		if err != nil {
			d.Wrong(element, err.Error())
			return
		}
		read = append(read, r)
	})
	return read
}

// authBody answers who the caller is, and whether requests need credentials.
type authBody struct {
	Mode      string   `json:"mode"`
	By        string   `json:"by"`
	Principal string   `json:"principal,omitempty"`
	TokenID   string   `json:"token_id,omitempty"`
	Rules     []string `json:"rules,omitempty"`
}

func getAuth(c *call) {
	a := &c.caller
	if a.By == auth.ByNothing { // no credential is needed, but there may be one
		if id, err := c.s.auth.Authenticate(c.r, host(c.r.RemoteAddr)); err == nil {
			a.Identity = id
		}
	}
	c.json(http.StatusOK, 0, authBody{
		Mode: c.s.mode().String(), By: a.By, Principal: a.Principal, TokenID: a.TokenID, Rules: a.Rules.Strings(),
	})
}

// setAuth changes whether requests need credentials. Only the admin socket of a node can switch that off.
func setAuth(c *call) {
	var mode access.Mode
	if !c.decode(form.Members{Required: []string{"mode"}}, func(d *form.Decoder, field string) bool {
		if field != "mode" {
			return false
		}
		var known bool
		if mode, known = access.ParseMode(d.Text(field)); !known {
			d.Wrong(field, "must be on, permissive or off")
		}
		return true
	}) {
		return
	}
	if mode != access.On && c.s.mode() == access.On && !c.caller.Local {
		p := c.problem(problems.NotAllowed)
		p.Detail = "Nothing changed. Authentication can be switched off by the admin socket of a node only: run lockd auth disable on a node."
		c.caller.refusal = "not by the admin socket"
		c.refuse(p)
		return
	}
	if r, ok := changeAccess(c, "authentication is changed", access.Change{Kind: access.SetMode, Mode: mode}, "mode", mode.String()); ok {
		c.json(http.StatusOK, r.Revision, authBody{
			Mode: mode.String(), By: c.caller.By, Principal: c.caller.Principal, TokenID: c.caller.TokenID, Rules: c.caller.Rules.Strings(),
		})
	}
}

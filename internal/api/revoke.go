package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/api/revocation"
)

// revokeToken revokes a token. With break=true, it also ends everything that the token's principal holds or waits for. A
// request that failed halfway can be repeated; once the token is gone, it must name the principal.
func revokeToken(c *call) {
	which, breaks, ok := revocationOf(c)
	if !ok {
		return
	}
	t, allows := lookUp(c, which.ID)
	if !mayRevoke(c, t, allows) || breaks && !c.caller.administers() {
		deny(c, problems.NotAllowed, "the token is not one of the caller")
		return
	}
	switch {
	case t != nil && which.Principal != "" && which.Principal != t.Principal:
		c.wrong("principal", "must be the principal of the token, or absent")
		return
	case t == nil && (!breaks || which.Principal == ""):
		unknownToken(c)
		return
	case t != nil:
		which.Principal = t.Principal
	}
	if breaks {
		revokeAndBreak(c, which)
		return
	}
	change := access.Change{Kind: access.DeleteToken, Token: which}
	if r, ok := changeAccess(c, "a token is revoked", change, "principal", which.Principal, "token_id", which.ID); ok {
		c.json(http.StatusOK, r.Revision, deletedBody{ID: which.ID, Revision: r.Revision})
	}
}

// revocationOf reads the parameters of a revocation.
func revocationOf(c *call) (which access.Record, breaks, ok bool) {
	breakHolds := c.query.Get("break")
	which = access.Record{ID: c.param("id"), Principal: c.query.Get("principal")}
	switch {
	case !access.ValidTokenID(which.ID): // it may be a whole token, which no log may contain
		c.wrong("id", "must be the ID of a token")
	case breakHolds != "" && breakHolds != "true" && breakHolds != "false":
		c.wrong("break", "must be true or false")
	case which.Principal != "" && access.CheckPrincipal(which.Principal) != nil:
		c.wrong("principal", "must be the name of a principal")
	default:
		return which, breakHolds == "true", true
	}
	return which, false, false
}

// mayRevoke reports whether the caller may revoke a token; t is nil if there is none.
func mayRevoke(c *call, t *access.Record, allows access.Rules) bool {
	return c.caller.administers() || t != nil && owns(c, t.Principal) && c.caller.Rules.Include(allows)
}

// lookUp returns a token's record and what it allows, at the leader's state if this node does not know the token.
func lookUp(c *call, id string) (*access.Record, access.Rules) {
	t, allows := c.s.cfg.Access.Token(id)
	if t == nil {
		ctx, cancel := c.deadline(0)
		defer cancel()
		if c.s.cfg.Access.CatchUp(ctx) == nil {
			t, allows = c.s.cfg.Access.Token(id)
		}
	}
	return t, allows
}

// unknownToken answers that there is no token with the ID.
func unknownToken(c *call) {
	p := c.problem(problems.Refused)
	p.Detail = "Nothing changed: " + access.UnknownToken.String() + ". To end what a principal holds whose token was revoked before, send break=true and principal."
	c.caller.refusal = access.UnknownToken.String()
	c.refuse(p)
}

// revokeAndBreak revokes a token, unless it is gone, and ends what its principal holds or waits for.
func revokeAndBreak(c *call, which access.Record) {
	r := &revocation.Revocation{
		Leases: c.s.cfg.Leases, CatchUp: c.s.cfg.Access.CatchUp, Bound: func() (context.Context, context.CancelFunc) { return c.deadline(0) },
		Caller: c.caller.Caller, By: operator(c), Token: which,
	}
	attrs := []any{"principal", which.Principal, "token_id", which.ID}
	c.caller.target = targetOf(attrs)
	revision, err := r.Run()
	c.record("a token is revoked, and the holds of its principal are broken", err == nil, append(attrs, "broken", r.Broken)...)
	refused, isRefused := errors.AsType[revocation.Refused](err)
	switch {
	case err == nil:
		c.json(http.StatusOK, revision, deletedBody{ID: which.ID, Broken: r.Broken, WasGone: !r.Revoked, Revision: revision})
	case c.gone() && !c.closing():
		c.silent = true
	case r.Done() != "":
		p := c.problem(problems.OutcomeUnknown)
		p.Detail = r.Done() + " To complete it, repeat the request with break=true and principal=" + which.Principal + "."
		c.refuse(p)
	case isRefused:
		refusedByTable(c, access.Outcome(refused))
	default:
		c.failed(err, problems.Of)
	}
}

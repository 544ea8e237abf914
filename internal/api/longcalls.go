package api

import (
	"context"
	"slices"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/problems"
)

// long makes a call one that ends when its caller loses the right to it.
func long(ctx context.Context, c *call, names ...string) (context.Context, func()) {
	began := c.caller
	still := func() problems.Kind { return c.s.still(&began, names) }
	return c.s.long.Enter(ctx, still, func(k problems.Kind) { c.revoked.Store(&k) })
}

// still returns why a caller may not go on, or "". A caller whose rules have changed starts anew with what it sees now.
func (s *Server) still(a *caller, names []string) problems.Kind {
	if s.mode() != access.On {
		return ""
	}
	if a.open && !a.Local && a.demand.right != access.None {
		return problems.Unauthenticated // everything was allowed, and authentication was enabled meanwhile
	}
	now, err := s.auth.Again(a.Identity)
	if err != nil {
		return problems.Unauthenticated
	}
	if a.Local {
		return ""
	}
	for _, name := range names {
		if !now.Rules.Allow(a.demand.right, name) {
			return problems.NotAllowed
		}
	}
	if len(names) == 0 && !slices.Equal(now.Rules, a.Rules) {
		return problems.NotAllowed
	}
	return ""
}

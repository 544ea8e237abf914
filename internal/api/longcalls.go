package api

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/problems"
)

// longCalls are the calls that wait or stream. They end when their callers lose the right to them.
type longCalls struct {
	mu   sync.Mutex
	open map[*call]longCall
}

type longCall struct {
	still  func() problems.Kind // why the call may not go on, or ""
	cancel context.CancelFunc
}

func newLongCalls() *longCalls { return &longCalls{open: make(map[*call]longCall)} }

// enter adds a call until leave is called. Its context ends when still returns a kind of problem, which the call finds
// in revoked.
func (l *longCalls) enter(ctx context.Context, c *call, still func() problems.Kind) (_ context.Context, leave func()) {
	ctx, cancel := context.WithCancel(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = longCall{still, cancel}
	return ctx, func() {
		cancel()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.open, c)
	}
}

// check ends the calls that may not go on.
func (l *longCalls) check() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, one := range l.open {
		if k := one.still(); k != "" {
			c.revoked.Store(&k)
			one.cancel()
		}
	}
}

// expiryPause is how often the credentials of long calls are checked for their expiry.
const expiryPause = time.Second

// run checks the calls whenever principals or tokens change, and for expiry, until ctx ends.
func (l *longCalls) run(ctx context.Context, of Access) {
	ticker := time.NewTicker(expiryPause)
	defer ticker.Stop()
	for {
		changed := of.Changed()
		l.check()
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-ticker.C:
		}
	}
}

// long makes a call one that ends when its caller loses the right to it.
func long(ctx context.Context, c *call, names ...string) (context.Context, func()) {
	began := c.caller
	return c.s.long.enter(ctx, c, func() problems.Kind { return c.s.still(&began, names) })
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

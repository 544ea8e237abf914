package api

import (
	"sync"

	"golang.org/x/time/rate"
)

// maxRates bounds the principals whose rate is counted; it is as many as there can be.
const maxRates = 10_000

// strangersPerSecond bounds how fast strangers let the audit log grow.
const strangersPerSecond = 10

// rates limits the acquires of each principal at this node. Renewals and releases are never limited.
type rates struct {
	perSecond int // 0: no limit

	mu sync.Mutex
	of map[string]*rate.Limiter

	strangers *rate.Limiter // of the lines of the audit log about refused callers without a valid credential
}

func newRates(perSecond int) *rates {
	return &rates{
		perSecond: perSecond, of: make(map[string]*rate.Limiter), strangers: rate.NewLimiter(strangersPerSecond, strangersPerSecond*60),
	}
}

// allow reports whether a caller may acquire now, and counts it.
func (r *rates) allow(a *caller) bool {
	if r.perSecond == 0 || a.Principal == "" {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.of[a.Principal]
	if l == nil {
		if len(r.of) >= maxRates {
			clear(r.of)
		}
		l = rate.NewLimiter(rate.Limit(r.perSecond), r.perSecond)
		r.of[a.Principal] = l
	}
	return l.Allow()
}

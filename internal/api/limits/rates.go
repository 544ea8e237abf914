package limits

import (
	"sync"

	"golang.org/x/time/rate"
)

// maxRates bounds the principals whose rate is counted; it is as many as there can be.
const maxRates = 10_000

// strangersPerSecond bounds how fast strangers let the audit log grow.
const strangersPerSecond = 10

// Rates limits the acquires of each principal at this node, and the lines of the audit log about refused strangers.
// Renewals and releases are never limited. It is safe for concurrent use.
type Rates struct {
	perSecond int // 0: no limit

	mu sync.Mutex
	of map[string]*rate.Limiter

	strangers *rate.Limiter // of the lines of the audit log about refused callers without a valid credential
}

// NewRates returns rates with a number of acquires of one principal per second; 0: no limit.
func NewRates(perSecond int) *Rates {
	return &Rates{
		perSecond: perSecond, of: make(map[string]*rate.Limiter), strangers: rate.NewLimiter(strangersPerSecond, strangersPerSecond*60),
	}
}

// Refuse reports whether the refusal of a caller without a valid credential may be written to the audit log.
func (r *Rates) Refuse() bool { return r.strangers.Allow() }

// Acquire reports whether a principal may acquire now, and counts it. "" is a caller without one, who always may.
func (r *Rates) Acquire(principal string) bool {
	if r.perSecond == 0 || principal == "" {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.of[principal]
	if l == nil {
		if len(r.of) >= maxRates {
			clear(r.of)
		}
		l = rate.NewLimiter(rate.Limit(r.perSecond), r.perSecond)
		r.of[principal] = l
	}
	return l.Allow()
}

package access

import (
	"slices"
	"strings"

	"github.com/lockd/lockd/internal/fsm/wire"
)

// MaxQuotas is how many quotas there may be.
const MaxQuotas = 100

// A Quota limits what the leases in a scope take together. 0 means no limit. If scopes overlap, a lease counts for the
// longest one only.
type Quota struct {
	Scope    string
	Leases   uint64 // that are held, in a cooldown or waited for
	Waiters  uint64 // in all queues
	Bytes    uint64 // of the state
	Watchers uint64 // at each node
}

// Covers reports whether a lease counts for the quota.
func (q *Quota) Covers(name string) bool { return covers(q.Scope, name) }

// Quotas returns the quotas, the longest scopes first: the first one that covers a name is the one that it counts for.
// The list is immutable.
func (t *Table) Quotas() []Quota { return t.quotas }

// setQuota adds a quota or replaces the one of its scope.
func (t *Table) setQuota(q Quota) (Outcome, bool) {
	at := slices.IndexFunc(t.quotas, func(other Quota) bool { return other.Scope == q.Scope })
	switch {
	case at >= 0 && t.quotas[at] == q:
		return Done, false
	case at < 0 && len(t.quotas) >= MaxQuotas:
		return TooManyQuotas, false
	}
	quotas := slices.Clone(t.quotas)
	if at >= 0 {
		quotas = slices.Delete(quotas, at, at+1)
	}
	quotas = append(quotas, q)
	slices.SortFunc(quotas, func(a, b Quota) int {
		if len(a.Scope) != len(b.Scope) {
			return len(b.Scope) - len(a.Scope)
		}
		return strings.Compare(a.Scope, b.Scope)
	})
	t.quotas = quotas
	return Done, true
}

func (t *Table) deleteQuota(scope string) (Outcome, bool) {
	at := slices.IndexFunc(t.quotas, func(q Quota) bool { return q.Scope == scope })
	if at < 0 {
		return UnknownQuota, false
	}
	t.quotas = slices.Delete(slices.Clone(t.quotas), at, at+1)
	return Done, true
}

func (q *Quota) invalid(add func(field, reason string)) {
	if err := (Rule{Right: Read, Scope: q.Scope}).Check(); err != nil {
		add("scope", "must be a whole name, a prefix that ends in one of . : / _ -, or *")
	}
	if q.Leases|q.Waiters|q.Bytes|q.Watchers == 0 {
		add("leases", "or waiters, bytes or watchers must be a limit")
	}
	if max(q.Leases, q.Waiters, q.Bytes, q.Watchers) > 1<<53-1 {
		add("leases", "must be below 2^53")
	}
}

func (q *Quota) encode(e *wire.Encoder) {
	e.String(q.Scope)
	for _, n := range []uint64{q.Leases, q.Waiters, q.Bytes, q.Watchers} {
		e.Uint(n)
	}
}

func (q *Quota) decode(d *wire.Decoder) {
	q.Scope = d.String(MaxScopeBytes)
	q.Leases, q.Waiters, q.Bytes, q.Watchers = d.Uint(), d.Uint(), d.Uint(), d.Uint()
}

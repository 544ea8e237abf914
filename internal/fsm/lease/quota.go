package lease

import "github.com/lockd/lockd/internal/access"

// A Usage is what the leases of one quota take.
type Usage struct{ Leases, Waiters, Bytes int }

// usages counts what the leases of each quota take.
type usages struct {
	quotas []access.Quota // see access.Table.Quotas
	used   []Usage        // by quota
}

// of returns the index of the quota that a name counts for, or -1.
func (u *usages) of(name string) int {
	for i := range u.quotas {
		if u.quotas[i].Covers(name) {
			return i
		}
	}
	return -1
}

// count adds a lease, or removes it if sign is -1.
func (u *usages) count(l *Lease, sign int) {
	if i := u.of(l.Name); i >= 0 {
		u.used[i].Leases += sign
		u.used[i].Waiters += sign * len(l.Queue)
		u.used[i].Bytes += sign * l.bytes
	}
}

// SetQuotas sets the quotas and counts what their leases take.
func (t *Table) SetQuotas(quotas []access.Quota) {
	t.usages = usages{quotas: quotas, used: make([]Usage, len(quotas))}
	if len(quotas) == 0 {
		return
	}
	t.active.Scan(func(l *Lease) bool {
		t.usages.count(l, 1)
		return true
	})
}

// CountBytes adds bytes of what belongs to a lease, or removes them, for the quota of its name.
func (t *Table) CountBytes(name string, bytes int) {
	if i := t.usages.of(name); i >= 0 {
		t.usages.used[i].Bytes += bytes
	}
}

// Used returns what the leases of each quota take, in the order of the quotas.
func (t *Table) Used() []Usage { return append([]Usage(nil), t.usages.used...) }

// A Growth is what a command would add to a lease.
type Growth struct {
	Name string
	Usage
}

// Fits reports whether the quotas allow what a command would add.
func (t *Table) Fits(all ...Growth) bool {
	if len(t.usages.quotas) == 0 {
		return true
	}
	sums := make([]Usage, len(t.usages.used))
	for _, more := range all {
		if i := t.usages.of(more.Name); i >= 0 {
			sums[i] = Usage{sums[i].Leases + more.Leases, sums[i].Waiters + more.Waiters, sums[i].Bytes + more.Bytes}
		}
	}
	for i, q := range t.usages.quotas {
		u, more := t.usages.used[i], sums[i]
		if exceeds(u.Leases, more.Leases, q.Leases) || exceeds(u.Waiters, more.Waiters, q.Waiters) || exceeds(u.Bytes, more.Bytes, q.Bytes) {
			return false
		}
	}
	return true
}

// exceeds reports whether a growth crosses a limit. What does not grow is never refused, also above a limit that was set
// later.
func exceeds(used, more int, limit uint64) bool {
	return limit > 0 && more > 0 && uint64(used+more) > limit
}

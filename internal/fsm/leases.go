package fsm

import "github.com/lockd/lockd/internal/fsm/lease"

// Leases are the leases of a machine at one revision. They can be read while the machine
// changes. Unlike a Snapshot, they keep no history in memory.
type Leases struct {
	revision uint64
	active   lease.Active
}

// Leases returns the current leases. It copies only a copy-on-write handle.
func (m *Machine) Leases() *Leases { return &Leases{revision: m.revision, active: m.leases.Active()} }

// Revision returns the revision of the machine at which Leases was called.
func (l *Leases) Revision() uint64 { return l.revision }

// Page is Machine.Page at that revision.
func (l *Leases) Page(s Selection, after string, limit int) (page []*Lease, next string) {
	return l.active.Page(s, after, limit)
}

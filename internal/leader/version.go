package leader

import "github.com/lockd/lockd/internal/fsm"

// Version returns the version in which this term writes entries.
func (t *Term) Version() uint64 { return t.packer.version.Load() }

// AgreeOnVersion decides in which version this term writes entries: the newest that
// every member reads. Members without a vote count: they receive the same log. The host
// calls it before the term serves, and again when records may have changed. It returns
// the version, and whether it is newer than all that was written before.
//
// It never lowers the version: members that join must read the entries that were written
// already, and proposals that wait may need it.
func (t *Term) AgreeOnVersion(members []string) (version uint64, newer bool) {
	t.host.View(func(r *Replica) {
		before := max(t.packer.version.Load(), r.Machine.Version())
		version = max(CommonVersion(r.Machine, members), before)
		newer = version > before
		t.packer.version.Store(version)
	})
	return version, newer
}

// CommonVersion returns the newest version that every member reads by its record. A
// member without a record, or without a version in it, is known to read only the first.
func CommonVersion(m *fsm.Machine, members []string) uint64 {
	reads := make(map[string]uint64)
	for _, n := range m.Nodes() {
		reads[n.ID] = n.Version
	}
	version := uint64(fsm.EntryVersion)
	for _, id := range members {
		version = min(version, max(1, reads[id]))
	}
	return version
}

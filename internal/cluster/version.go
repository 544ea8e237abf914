package cluster

import (
	"fmt"

	"github.com/lockd/lockd/internal/fsm"
)

// agreeOnVersion decides in which version this term writes: the newest that every
// member reads by its own record, those without a vote too, since they are sent
// the same log. It never goes back: what the machine was told already is there to
// be read by whoever comes, and what waits to be packed may need it.
func (t *term) agreeOnVersion() {
	version, applied := t.n.commonVersion(), t.n.appliedVersion()
	version = max(version, applied, t.version.Load())
	if before := t.version.Swap(version); version > max(before, applied) && version > 1 {
		t.n.log.Info("every member reads a newer version: entries are written in it from now on", "version", version)
	}
}

// commonVersion returns the newest version that every member reads. Of a member
// that has not said, nothing but the first is sure.
func (n *Node) commonVersion() uint64 {
	version := uint64(fsm.EntryVersion)
	n.eachMember(func(record fsm.Node) { version = min(version, max(1, record.Version)) })
	return version
}

// eachMember calls f with the record of each member, which is empty where there is none.
func (n *Node) eachMember(f func(record fsm.Node)) {
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		record, _ := n.recordOf(string(s.ID))
		f(record)
	}
}

// appliedVersion returns the newest version of what this node has applied.
func (n *Node) appliedVersion() (version uint64) {
	n.replica.view(func(m *fsm.Machine) { version = m.Version() })
	return version
}

// entryVersion returns the version that entries are written in, as far as this
// node knows: a leader what it writes, another what it has seen.
func (n *Node) entryVersion() uint64 {
	if t := n.term.Load(); t != nil {
		return t.version.Load()
	}
	return n.appliedVersion()
}

// readable refuses a node that could not read what it would be sent. One of which
// an operator told has not said what it reads, and says so when it is there.
func (t *term) readable(node fsm.Node) error {
	if writes := t.version.Load(); node.Version != 0 && node.Version < writes {
		return &Failed{fmt.Sprintf(
			"the cluster writes version %d, and the lockd of node %q reads up to %d: start it with a newer one",
			writes, node.Name, node.Version)}
	}
	return nil
}

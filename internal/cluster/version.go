package cluster

import (
	"fmt"

	"github.com/lockd/lockd/internal/fsm"
)

// agreeOnVersion lets this term write entries in the newest version that every member
// reads.
func (t *term) agreeOnVersion() {
	if version, newer := t.leader.AgreeOnVersion(t.n.raft.members()); newer {
		t.n.log.Info("every member reads a newer version: entries are written in it from now on", "version", version)
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
		return t.leader.Version()
	}
	return n.appliedVersion()
}

// readable refuses a node that could not read entries of the version that is written. A
// node that an operator named has not stated what it reads; it does so when it joins.
func readable(node fsm.Node, written uint64) error {
	if node.Version != 0 && node.Version < written {
		return &fsm.Refused{Reason: fmt.Sprintf(
			"the cluster writes version %d, and the lockd of node %q reads up to %d: start it with a newer one",
			written, node.Name, node.Version)}
	}
	return nil
}

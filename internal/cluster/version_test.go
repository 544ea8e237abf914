package cluster

import (
	"errors"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

func TestANodeThatCouldNotReadTheLogIsNotTakenIn(t *testing.T) {
	for version, taken := range map[uint64]bool{0: true, 1: false, 2: true, 3: true} {
		err := readable(fsm.Node{Name: "d", Version: version}, 2)
		var refused *fsm.Refused
		if taken != (err == nil) || !taken && !errors.As(err, &refused) {
			t.Errorf("one that reads %d: %v", version, err)
		}
	}
	n := leaderAmong(t, startNodes(t, 1)...)
	eventually(t, "the newest version is written", func() bool { return n.term.Load().leader.Version() == fsm.EntryVersion })
	_, err := n.acceptJoin(joinRequest{Node: fsm.Node{
		ID: "d.1", Name: "d", Peer: "127.0.0.1:1", HTTP: "127.0.0.1:2", Version: fsm.EntryVersion - 1,
	}})
	if !errors.As(err, new(*fsm.Refused)) {
		t.Errorf("a node that cannot read what the cluster writes: %v", err)
	}
}

// A member without a vote receives the same log: it counts, and so does one that has not
// stated what it reads.
func TestEveryMemberCountsForTheVersion(t *testing.T) {
	n := leaderAmong(t, startNodes(t, 1)...)
	common := func() (version uint64) {
		n.replica.view(func(m *fsm.Machine) { version = leader.CommonVersion(m, n.raft.members()) })
		return version
	}
	eventually(t, "the leader's record is written", func() bool { return common() == fsm.EntryVersion })
	if err := n.raft.AddNonvoter("d.1", "127.0.0.1:1", 0, 0).Error(); err != nil {
		t.Fatal(err)
	}
	if len(n.raft.members()) != 2 || common() != 1 {
		t.Errorf("%d members count, and the version is %d", len(n.raft.members()), common())
	}
}

package cluster

import (
	"bytes"
	"errors"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

func TestANodeThatCouldNotReadTheLogIsNotTakenIn(t *testing.T) {
	tm := &term{}
	tm.version.Store(2)
	for version, taken := range map[uint64]bool{0: true, 1: false, 2: true, 3: true} {
		err := tm.readable(fsm.Node{Name: "d", Version: version})
		var failed *Failed
		if taken != (err == nil) || !taken && !errors.As(err, &failed) {
			t.Errorf("one that reads %d: %v", version, err)
		}
	}
	n := leaderAmong(t, startNodes(t, 1)...)
	n.term.Load().version.Store(fsm.EntryVersion + 1)
	if _, err := n.acceptJoin(joinRequest{Node: fsm.Node{ID: "d.1", Name: "d", Peer: "127.0.0.1:1", HTTP: "127.0.0.1:2", Version: fsm.EntryVersion}}); err == nil {
		t.Error("a node was taken in that cannot read what the cluster writes")
	}
}

// A member without a vote is sent the same log: it counts, and so does one that
// has not said what it reads.
func TestEveryMemberCountsForTheVersion(t *testing.T) {
	n := leaderAmong(t, startNodes(t, 1)...)
	eventually(t, "the leader's record is written", func() bool {
		_, ok := n.recordOf(n.identity().id())
		return ok
	})
	if v := n.commonVersion(); v != fsm.EntryVersion {
		t.Fatalf("alone: %d", v)
	}
	if err := n.raft.AddNonvoter("d.1", "127.0.0.1:1", 0, 0).Error(); err != nil {
		t.Fatal(err)
	}
	members := 0
	n.eachMember(func(fsm.Node) { members++ })
	if members != 2 || n.commonVersion() != 1 {
		t.Errorf("%d members count, and the version is %d", members, n.commonVersion())
	}
}

func TestATermsVersionNeverGoesBack(t *testing.T) {
	n := leaderAmong(t, startNodes(t, 1)...)
	tm := n.term.Load()
	eventually(t, "its record is written and its version is the newest", func() bool { return tm.version.Load() == fsm.EntryVersion })
	tm.version.Store(7)
	if tm.agreeOnVersion(); tm.version.Load() != 7 {
		t.Errorf("it went back to %d", tm.version.Load())
	}
}

func TestWhatWaitsIsEncodedInTheVersionOfItsEntry(t *testing.T) {
	b := proposal{command: &fsm.Found{ClusterID: "c"}}
	if err := b.encode(1); err != nil || b.version != 1 {
		t.Fatal(b.version, err)
	}
	first := b.encoded
	if err := b.encode(1); err != nil || &b.encoded[0] != &first[0] {
		t.Error("it was encoded twice")
	}
	if err := b.encode(2); err != nil || b.version != 2 || &b.encoded[0] == &first[0] || !bytes.Equal(b.encoded, first) {
		t.Errorf("%x in version %d, %v", b.encoded, b.version, err)
	}
}

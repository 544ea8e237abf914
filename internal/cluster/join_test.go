package cluster

import (
	"errors"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

func TestJoinChecksNodeName(t *testing.T) {
	for s, want := range map[string]bool{
		"a": true, "lock-1": true, "Lock_1.example.org": true, "7": true, strings.Repeat("a", 64): true,
		"": false, "-a": false, ".a": false, "a b": false, "a\n": false, "ä": false, "a/b": false, "a,b": false, strings.Repeat("a", 65): false,
	} {
		if fsm.ValidNodeName(s) != want {
			t.Errorf("%q: valid is %v", s, !want)
		}
	}
}

// A node that asks the leader by itself comes through another door.
func TestANewcomerUnderABadNameIsRefused(t *testing.T) {
	nodes := startNodes(t, 1)
	leader := leaderAmong(t, nodes...)
	_, err := leader.acceptJoin(joinRequest{Node: fsm.Node{ID: "a b.1", Name: "a b", Peer: "127.0.0.1:1", HTTP: "127.0.0.1:1"}})
	var refused *fsm.Refused
	if !errors.As(err, &refused) || !strings.Contains(refused.Reason, fsm.NodeNameRule) {
		t.Errorf("want a refusal with the rule, got %v", err)
	}
}

package cluster

import "testing"

// A wish for any other leader is about the one that leads now: who is asked again
// after the change has nothing left to do.
func TestAnyOtherLeaderIsWishedForOnce(t *testing.T) {
	nodes := startNodes(t, 3)
	former := leaderAmong(t, nodes...)
	wish := transfer{From: former.self.identity().ID()}
	if _, err := (administrator{former.Node}).transferHere(wish); err != nil {
		t.Fatal(err)
	}
	next := leaderAmong(t, without(nodes, former)...)
	if _, err := (administrator{next.Node}).transferHere(wish); err != nil {
		t.Fatal(err)
	}
	if next.raft.CurrentTerm() != next.term.Load().number || next.term.Load() == nil {
		t.Error("the wish was granted twice")
	}
}

package cluster

import (
	"testing"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// Where nothing else is written, a stamp keeps the cluster's clock in the log; where all TTLs are short, not even a stamp is written.
func TestTheClockOfAnIdleClusterIsWrittenWhereItMatters(t *testing.T) {
	n := leaderAmong(t, startNodes(t, 1)...)
	term := n.term.Load()
	if _, err := do(t, n, acquire("short", first), patience); err != nil {
		t.Fatal(err)
	}
	if term.stampDue(0) {
		t.Error("a stamp is due, and nothing goes by it")
	}
	long := acquire("long", first)
	long.TTL = 600_000
	if _, err := do(t, n, long, patience); err != nil {
		t.Fatal(err)
	}
	if !term.stampDue(0) || term.stampDue(time.Hour) {
		t.Errorf("due after no pause: %v, after an hour: %v", term.stampDue(0), term.stampDue(time.Hour))
	}
	clock := func() (now fsm.Millis) {
		n.replica.view(func(m *fsm.Machine) { now = m.Now() })
		return now
	}
	before := clock()
	eventually(t, "the clock goes on by itself", func() bool { return clock() > before+100 })
}

// A wish for any other leader is about the one that leads now: who is asked again
// after the change has nothing left to do.
func TestAnyOtherLeaderIsWishedForOnce(t *testing.T) {
	nodes := startNodes(t, 3)
	former := leaderAmong(t, nodes...)
	wish := transfer{From: former.identity().id()}
	if _, err := former.transferHere(wish); err != nil {
		t.Fatal(err)
	}
	next := leaderAmong(t, without(nodes, former)...)
	if _, err := next.transferHere(wish); err != nil {
		t.Fatal(err)
	}
	if next.raft.CurrentTerm() != next.term.Load().number || next.term.Load() == nil {
		t.Error("the wish was granted twice")
	}
}

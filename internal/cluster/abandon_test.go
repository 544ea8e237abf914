package cluster

import (
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

// What several names were granted for a client that has gone is given back, each
// by its own attempt: what its session has renewed meanwhile stays.
func TestWhatNobodyHeardOfIsGivenBackNameByName(t *testing.T) {
	nodes := startNodes(t, 3)
	leader := leaderAmong(t, nodes...)
	for _, n := range []*testNode{leader, without(nodes, leader)[0]} {
		c := &fsm.AcquireAll{Names: []string{"a", "b", "c"}, Holder: "x", Session: first, TTL: 60_000}
		if r, err := do(t, n, c, patience); err != nil || r.Code != fsm.CodeGranted {
			t.Fatal(r.Code, err)
		}
		if r, err := do(t, n, &fsm.Renew{Name: "b", Session: first}, patience); err != nil || r.Code != fsm.CodeOK {
			t.Fatal(r.Code, err)
		}
		n.Abandon(c.Leaves()...)
		held := func(name string) bool {
			a, err := n.Query(t.Context(), fsm.Query{Kind: fsm.QueryLease, Name: name}, false)
			return err != nil || len(a.Views[0].Lease.Holds) > 0
		}
		eventually(t, "a and c are free", func() bool { return !held("a") && !held("c") })
		if !held("b") {
			t.Error("a hold that was renewed was given back")
		}
		if r, err := do(t, n, &fsm.ReleaseSession{Session: first}, patience); err != nil || len(r.Holds) != 1 {
			t.Errorf("%d were held at the end, %v", len(r.Holds), err)
		}
	}
}

// A clean-up that arrives before the grants that it is for ends all of them.
func TestACleanUpBeforeItsGrantsMarksEachOfThem(t *testing.T) {
	n := leaderAmong(t, startNodes(t, 1)...)
	term := n.term.Load()
	c := &fsm.AcquireAll{Names: []string{"a", "b"}, Holder: "x", Session: first, TTL: 1_000, Attach: n.attempts(2)}
	marked := make([][]fsm.Timer, 2)
	n.replica.mu.Lock()
	for i, l := range c.Leaves() {
		term.leaving[l.Attach] = &marked[i]
	}
	n.replica.mu.Unlock()
	if _, err := do(t, n, c, patience); err != nil {
		t.Fatal(err)
	}
	for i := range marked {
		if len(marked[i]) != 1 {
			t.Errorf("%d holds of name %d were marked, want 1", len(marked[i]), i)
		}
	}
}

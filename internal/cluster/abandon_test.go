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
		n.Abandon(c.Cancels()...)
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

// A call that was delivered twice, over two connections, reclaims once: the copy
// finds what the first was given, and takes nothing from who works with it.
func TestACopyOfAReclaimFindsWhatTheFirstWasGiven(t *testing.T) {
	nodes := startNodes(t, 3)
	follower := without(nodes, leaderAmong(t, nodes...))[0]
	if _, err := do(t, follower, acquire("a", first), patience); err != nil {
		t.Fatal(err)
	}
	c := acquire("a", first)
	c.Reclaim = true
	told, err := do(t, follower, c, patience) // which names the attempt in c
	if err != nil || told.Code != fsm.CodeGranted {
		t.Fatal(told.Code, err)
	}
	late, err := do(t, follower, c, patience)
	if err != nil || late.Code != fsm.CodeGranted || late.Hold.Token != told.Hold.Token {
		t.Errorf("the copy: %v, token %d after %d, %v", late.Code, late.Hold.Token, told.Hold.Token, err)
	}
	r, err := do(t, follower, &fsm.Renew{Name: "a", Session: first, Token: told.Hold.Token}, patience)
	if err != nil || r.Code != fsm.CodeOK {
		t.Errorf("the token that was told is renewed with %v, %v", r.Code, err)
	}
}

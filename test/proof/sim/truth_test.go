package sim

import (
	"testing"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// In one entry a hold ends, its slot is granted to a waiter, and a broken hold of the same lease is released. The
// broken hold had its slot until then.
func TestBrokenHoldReleasedInTheEntryOfAGrant(t *testing.T) {
	w := newWorld(Config{Seed: 1, Only: []int{}})
	n := w.nodes[0]
	apply := func(commands ...fsm.Command) *fsm.Applied {
		index := n.replica.Index + 1
		w.truth.committed = append(w.truth.committed, time.Duration(index)*time.Second)
		entry := &fsm.Entry{Version: fsm.EntryVersion, Term: 1, Stamp: fsm.Millis(index * 1_000), Commands: commands}
		out := n.replica.Apply(time.Duration(index)*time.Second, index, 1, entry)
		w.truth.applied(n, out)
		return out
	}
	acquire := func(label string, wait fsm.Millis) fsm.Command {
		return &fsm.Acquire{Name: "l", Holder: label, Session: "session-of-" + label, TTL: 60_000, Limit: 2, Wait: wait}
	}
	first := apply(acquire("a", 0)).Results[0].Hold
	second := apply(acquire("b", 0)).Results[0].Hold
	apply(acquire("c", 30_000))
	apply(&fsm.Break{Name: "l", Token: first.Token, Reason: "test", Grace: fsm.InheritGrace})
	out := apply(
		fsm.Timer{Kind: fsm.TimerHold, Name: "l", ID: second.Token, Seq: second.Seq}.Expire(),
		&fsm.Release{Name: "l", Session: "session-of-a", Token: first.Token},
	)
	if len(out.Grants) != 1 || !w.truth.ending[first.Token] {
		t.Fatalf("the precondition failed: %d grants", len(out.Grants))
	}
	if w.truth.broken != "" {
		t.Error(w.truth.broken)
	}
}

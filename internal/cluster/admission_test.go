package cluster

import (
	"errors"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

func TestAFloodIsRefusedBeforeItReachesTheLeader(t *testing.T) {
	n := leaderAmong(t, startNodes(t, 1)...)
	waits := acquire("l", first)
	waits.Wait = shortWait
	hardly := acquire("l", first)
	hardly.Wait = 1
	n.admission.asking.Store(maxAsking) // as many are on their way
	for name, c := range map[string]struct {
		command fsm.Command
		refused bool
	}{
		"an acquire":            {acquire("l", first), true},
		"one that hardly waits": {hardly, true},
		"one of several":        {&fsm.AcquireAll{Names: []string{"l"}, Session: first, Holder: "h", TTL: 1_000}, true},
		"a renewal":             {&fsm.Renew{Name: "l", Session: first}, false},
		"a release":             {&fsm.Release{Name: "l", Session: first}, false},
		"an acquire to queue":   {waits, false},
	} {
		if _, err := do(t, n, c.command, patience); errors.Is(err, fsm.ErrOverloaded) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
		if busy := n.admission.asking.Load(); busy != maxAsking {
			t.Errorf("%s leaves the count at %d", name, busy)
		}
	}
	n.admission.asking.Store(maxAsking - 1)
	if _, err := do(t, n, acquire("l", first), patience); err != nil {
		t.Errorf("there is room for one: %v", err)
	}
}

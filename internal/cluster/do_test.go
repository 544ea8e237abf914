package cluster

import (
	"errors"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

func TestAFloodIsRefusedBeforeItReachesTheLeader(t *testing.T) {
	n := leaderAmong(t, startNodes(t, 1)...)
	last, ok := n.clients.calls.Call(acquire("l", first), 0, 1)
	for more := ok; more; {
		if next, ok := n.clients.calls.Call(acquire("l", first), 0, 1); ok {
			last = next
		} else {
			more = false
		}
	}
	if _, err := do(t, n, acquire("l", first), patience); !errors.Is(err, fsm.ErrOverloaded) {
		t.Errorf("an acquire beyond the bound: %v", err)
	}
	if _, err := do(t, n, &fsm.Renew{Name: "l", Session: first}, patience); err != nil {
		t.Errorf("a renewal: %v", err)
	}
	last.End()
	for range 2 { // each leaves the place that it took
		if _, err := do(t, n, acquire("l", first), patience); err != nil {
			t.Errorf("there is room for one: %v", err)
		}
	}
}

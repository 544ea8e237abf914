package target

import (
	"testing"

	"github.com/lockd/lockd/bench/work"
)

func TestEveryTargetHasAWork(t *testing.T) {
	known := make(map[string]bool)
	for _, w := range work.All() {
		known[w.Name] = true
	}
	for _, target := range targets() {
		if !known[target.key.Work] {
			t.Errorf("%s: no work %q", target.What, target.key.Work)
		}
	}
}

package exhaustive

import (
	"flag"
	"strings"
	"testing"
)

var depth = flag.Int("depth", 7, "depth of the search, in events")

// replay runs events from the initial state.
func replay(all []act, path []uint8) *world {
	w := newWorld()
	for _, i := range path {
		all[i].do(w)
		w.check()
	}
	return w
}

func story(all []act, path []uint8) string {
	var acts []string
	for _, i := range path {
		acts = append(acts, all[i].what)
	}
	return strings.Join(acts, "; ")
}

// TestEveryStateInASmallScope visits, breadth first, every state that the given number of events can lead to. The
// first sequence of events that breaks a rule is therefore the shortest.
func TestEveryStateInASmallScope(t *testing.T) {
	all := acts()
	seen := map[string]bool{newWorld().key(): true}
	frontier := [][]uint8{nil}
	for level := 1; level <= *depth; level++ {
		var next [][]uint8
		for _, path := range frontier {
			for i := range all {
				longer := append(path[:len(path):len(path)], uint8(i))
				w := replay(all, longer)
				if w.broken != "" {
					t.Fatalf("%s\nafter: %s", w.broken, story(all, longer))
				}
				if k := w.key(); !seen[k] {
					seen[k] = true
					next = append(next, longer)
				}
			}
		}
		t.Logf("%d acts: %d states, %d new", level, len(seen), len(next))
		frontier = next
	}
	for _, path := range frontier {
		w := replay(all, path)
		if w.becomesFree(); w.broken != "" {
			t.Fatalf("%s\nafter: %s", w.broken, story(all, path))
		}
	}
}

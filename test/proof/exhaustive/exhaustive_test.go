package exhaustive

import (
	"flag"
	"strings"
	"testing"
)

var depth = flag.Int("depth", 7, "how many acts deep the search goes")

// replay plays acts from the beginning.
func replay(all []act, path []uint8) *world {
	w := newWorld()
	for _, i := range path {
		all[i].do(w)
		w.look()
	}
	return w
}

func story(all []act, path []uint8) string {
	var said []string
	for _, i := range path {
		said = append(said, all[i].what)
	}
	return strings.Join(said, "; ")
}

// TestEveryStateInASmallScope visits, breadth first, every state that so many acts
// can lead to, so that a story that breaks a rule is the shortest there is.
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

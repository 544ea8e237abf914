package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

// TestCachedFrameBelongsToItsEvent: events that share a slot of the cache never get each other's frame.
func TestCachedFrameBelongsToItsEvent(t *testing.T) {
	var k frameCache
	for i := range uint64(3 * len(k)) {
		for _, r := range []uint64{i, i + uint64(len(k)), i} {
			for _, name := range []string{"a", "b"} { // after a restore there can be another event with the same revision
				e := &fsm.Event{Revision: r, Type: fsm.EventFree, Name: name}
				for range 2 {
					if got := string(k.of(e)); !strings.HasPrefix(got, fmt.Sprintf("id: %d\n", r)) || !strings.Contains(got, `"name":"`+name+`"`) {
						t.Fatalf("the frame of %d, %s: %s", r, name, got)
					}
				}
			}
		}
	}
}

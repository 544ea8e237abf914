package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

// TestCachedFrameBelongsToItsEvent: events that share a slot of the cache never get each other's frame.
func TestCachedFrameBelongsToItsEvent(t *testing.T) {
	var k Frames
	for i := range uint64(3 * len(k)) {
		for _, r := range []uint64{i, i + uint64(len(k)), i} {
			for _, name := range []string{"a", "b"} { // after a restore there can be another event with the same revision
				e := &fsm.Event{Revision: r, Type: fsm.EventFree, Name: name}
				for range 2 {
					if got := string(k.Of(e)); !strings.HasPrefix(got, fmt.Sprintf("id: %d\n", r)) || !strings.Contains(got, `"name":"`+name+`"`) {
						t.Fatalf("the frame of %d, %s: %s", r, name, got)
					}
				}
			}
		}
	}
}

// BenchmarkFrame measures the frame of an event for its first watcher and for the others.
func BenchmarkFrame(b *testing.B) {
	e := &fsm.Event{Revision: 7, Wall: 1, Name: "job", Holder: "w1", Token: 7, Vacancy: 12, Type: fsm.EventAcquired}
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Frame(NewEvent(e))
		}
	})
	b.Run("others", func(b *testing.B) {
		var k Frames
		b.ReportAllocs()
		for b.Loop() {
			k.Of(e)
		}
	})
}

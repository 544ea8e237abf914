package lease

import (
	"strings"
	"testing"
)

func TestEventsAreDroppedOldestFirst(t *testing.T) {
	var events Events
	const most = 3 * chunkBytes
	events.Keep(most)
	revision := uint64(0)
	add := func(count int) {
		for range count {
			revision++
			events.Add(&Event{Revision: revision, Meta: strings.Repeat("m", MaxMetaBytes)})
		}
	}
	check := func(when string) {
		t.Helper()
		next, size := events.Dropped()+1, 0
		events.Scan(func(e *Event) {
			if e.Revision != next {
				t.Fatalf("%s: event %d is at the place of %d", when, e.Revision, next)
			}
			next, size = next+1, size+e.Size()
		})
		if next != revision+1 || size != events.Bytes() || size > most {
			t.Errorf("%s: events to %d of %d, %d bytes, %d are counted", when, next-1, revision, size, events.Bytes())
		}
	}
	add(2_000)
	check("more than fit")
	taken := events.Copy()
	kept := taken.Len()
	add(1_000)
	if first := taken.Dropped() + 1; taken.Len() != kept || events.Dropped() < first {
		t.Errorf("a copy has %d events, and had %d", taken.Len(), kept)
	}
	events.Reset(revision)
	check("after a reset")
	if events.Len() != 0 {
		t.Errorf("%d events after a reset", events.Len())
	}
	add(2_000)
	check("a reset keeps the limit")
	before := events.Len()
	events.Keep(most / 2)
	if check("less is kept"); events.Len() >= before {
		t.Errorf("%d events are kept, before %d", events.Len(), before)
	}
}

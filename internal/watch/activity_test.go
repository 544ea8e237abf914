package watch

import (
	"slices"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

func TestBeforeReturnsTheNewestEventsInPages(t *testing.T) {
	h := New(1, 0)
	publish(h, "a", 1, 5)
	publish(h, "b", 6, 7)
	for _, test := range []struct {
		before uint64
		match  func(*fsm.Event) bool
		most   int
		want   []uint64
		next   uint64
	}{
		{100, anyEvent, 3, []uint64{7, 6, 5}, 5},
		{5, anyEvent, 3, []uint64{4, 3, 2}, 2},
		{2, anyEvent, 3, []uint64{1}, 0},
		{100, named("a"), 5, []uint64{5, 4, 3, 2, 1}, 0},
		{100, named("c"), 5, nil, 0},
	} {
		events, next := h.Before(test.before, test.match, test.most)
		if !slices.Equal(revisions(events), test.want) || next != test.next {
			t.Errorf("before %d: %v, next %d; want %v, next %d", test.before, revisions(events), next, test.want, test.next)
		}
	}
}

func TestActivityCountsTheLastHour(t *testing.T) {
	const now = 1_700_000_000_000
	h := New(1, 0)
	happened := func(revision uint64, wall int64, kind fsm.EventType) *fsm.Event {
		return &fsm.Event{Revision: revision, Wall: wall, Type: kind}
	}
	h.Publish([]*fsm.Event{
		happened(1, now-61*minute, fsm.EventAcquired), // too old when it is read
		happened(2, now-2*minute, fsm.EventAcquired), happened(3, now-2*minute, fsm.EventAcquired),
		happened(4, now, fsm.EventExpired), happened(5, 0, fsm.EventExpired), // without a time
	}, 5)
	minutes := h.Activity(now)
	if len(minutes) != ActivityMinutes || minutes[ActivityMinutes-1].Start != now-now%minute {
		t.Fatalf("%d minutes, the last from %d", len(minutes), minutes[len(minutes)-1].Start)
	}
	counted := uint64(0)
	for _, m := range minutes {
		for _, n := range m.Counts {
			counted += n
		}
	}
	if minutes[57].Counts[fsm.EventAcquired] != 2 || minutes[59].Counts[fsm.EventExpired] != 1 || counted != 3 {
		t.Errorf("%d events are counted: %v", counted, minutes[57:])
	}
	h.Reset([]*fsm.Event{happened(9, now, fsm.EventBroken)}, 8, 9)
	if last := h.Activity(now)[59]; last.Counts[fsm.EventBroken] != 1 || last.Counts[fsm.EventExpired] != 0 {
		t.Errorf("after a reset: %v", last)
	}
	if types := len(fsm.EventTypes()); types >= len(Minute{}.Counts) {
		t.Errorf("%d types of events do not fit a Minute", types)
	}
}

package leader

import (
	"slices"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

func TestWaits(t *testing.T) {
	waitOn := func(name, session string, n uint64, end time.Duration) *wait {
		return &wait{name: name, session: session, attempt: fsm.AttemptID{N: n}, end: end}
	}
	grant := func(name, session string, n uint64) fsm.Grant {
		return fsm.Grant{Name: name, Hold: &fsm.Hold{Session: session, Origin: fsm.Origin{AttemptID: fsm.AttemptID{N: n}}}}
	}
	t.Run("the newest of a session wins", func(t *testing.T) {
		w := newWaitTable()
		older, newer := waitOn("l", "s", 1, 10), waitOn("l", "s", 2, 20)
		if w.add(older) != nil || w.add(newer) != older {
			t.Fatal("the older one was not superseded")
		}
		if w.remove(older) {
			t.Error("the older one was still there")
		}
		if w.granted(grant("l", "s", 1)) != nil {
			t.Error("a grant of the older attempt found the newer one")
		}
		if w.granted(grant("l", "s", 2)) != newer || w.granted(grant("l", "s", 2)) != nil {
			t.Error("a grant is answered once, to the newer one")
		}
	})
	t.Run("a wait ends when its ticket leaves the queue", func(t *testing.T) {
		w := newWaitTable()
		queued, early, other := waitOn("l", "a", 1, 30), waitOn("l", "b", 2, 40), waitOn("l", "c", 3, 20)
		for _, x := range []*wait{queued, early, other} {
			w.add(x)
		}
		w.queue(queued)
		w.queue(other)
		if w.departed(fsm.Departure{Name: "l", Session: "a", AttemptID: fsm.AttemptID{N: 9}}, 5) {
			t.Error("another attempt's ticket has ended a wait")
		}
		for _, x := range []*wait{queued, early} {
			if !w.departed(fsm.Departure{Name: "l", Session: x.session, AttemptID: x.attempt}, 5) {
				t.Error("its wait was not found")
			}
		}
		w.queue(early) // its acquire and what took its ticket away were applied together
		if due, next, _ := w.due(5); !slices.Equal(due, []*wait{queued, early}) || next != 20 {
			t.Errorf("due are %v, next at %v", due, next)
		}
	})
	t.Run("a due wait is answered once, by its end or a grant", func(t *testing.T) {
		w := newWaitTable()
		a, b, c := waitOn("l", "a", 1, 30), waitOn("l", "b", 2, 10), waitOn("l", "c", 3, 20)
		for _, x := range []*wait{a, b, c} {
			w.add(x)
			if due, _, _ := w.due(1000); len(due) > 0 {
				t.Fatal("a wait ran out before its ticket was in the queue")
			}
		}
		for _, x := range []*wait{a, b, c} {
			if x.queued {
				t.Error("a wait was in the heap before its acquire was applied")
			}
			if w.queue(x); !x.queued {
				t.Error("a wait is not in the heap though its acquire was applied")
			}
		}
		due, next, ok := w.due(20)
		if len(due) != 2 || due[0] != b || due[1] != c || !ok || next != 30 {
			t.Fatalf("due: %v, next %v %v", due, next, ok)
		}
		if again, _, _ := w.due(20); len(again) != 0 {
			t.Error("a wait is due twice")
		}
		if w.granted(grant("l", "b", 2)) != b || w.remove(b) {
			t.Error("a grant after due does not answer")
		}
		if !w.remove(c) || w.remove(c) {
			t.Error("the end of a wait answers a second time")
		}
	})
	t.Run("a clean-up ends only its own attempt", func(t *testing.T) {
		w := newWaitTable()
		a := waitOn("l", "a", 5, 10)
		w.add(a)
		if w.cleanedUp(&fsm.CancelAcquire{Name: "l", Session: "a", AttemptID: fsm.AttemptID{N: 4}}) != nil {
			t.Error("an older attempt's clean-up ended a newer wait")
		}
		if w.cleanedUp(&fsm.CancelAcquire{Name: "l", Session: "a", AttemptID: fsm.AttemptID{N: 5}}) != a {
			t.Error("the clean-up did not end its wait")
		}
	})
	t.Run("drain empties it", func(t *testing.T) {
		w := newWaitTable()
		w.add(waitOn("l", "a", 1, 10))
		if len(w.drain()) != 1 || len(w.drain()) != 0 {
			t.Error("drain")
		}
	})
}

package leader

import (
	"slices"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

func TestWaits(t *testing.T) {
	newWait := func(name, session string, n uint64, end time.Duration) *Wait {
		return &Wait{Name: name, Session: session, Attach: fsm.Attach{N: n}, End: end}
	}
	grant := func(name, session string, n uint64) fsm.Grant {
		return fsm.Grant{Name: name, Hold: &fsm.Hold{Session: session, Attach: fsm.Attach{N: n}}}
	}
	t.Run("the newest of a session wins", func(t *testing.T) {
		w := NewWaits()
		older, newer := newWait("l", "s", 1, 10), newWait("l", "s", 2, 20)
		if w.Add(older) != nil || w.Add(newer) != older {
			t.Fatal("the older one was not superseded")
		}
		if w.Remove(older) {
			t.Error("the older one was still there")
		}
		if w.Granted(grant("l", "s", 1)) != nil {
			t.Error("a grant of the older attempt found the newer one")
		}
		if w.Granted(grant("l", "s", 2)) != newer || w.Granted(grant("l", "s", 2)) != nil {
			t.Error("a grant is answered once, to the newer one")
		}
	})
	t.Run("who has left the queue waits no longer", func(t *testing.T) {
		w := NewWaits()
		queued, early, other := newWait("l", "a", 1, 30), newWait("l", "b", 2, 40), newWait("l", "c", 3, 20)
		for _, x := range []*Wait{queued, early, other} {
			w.Add(x)
		}
		w.Queued(queued)
		w.Queued(other)
		if w.Departed(fsm.Departure{Name: "l", Session: "a", Attach: fsm.Attach{N: 9}}, 5) {
			t.Error("another attempt's ticket has ended a wait")
		}
		for _, x := range []*Wait{queued, early} {
			if !w.Departed(fsm.Departure{Name: "l", Session: x.Session, Attach: x.Attach}, 5) {
				t.Error("its wait was not found")
			}
		}
		w.Queued(early) // its acquire and what took its ticket away were applied together
		if due, next, _ := w.Due(5); !slices.Equal(due, []*Wait{queued, early}) || next != 20 {
			t.Errorf("due are %v, next at %v", due, next)
		}
	})
	t.Run("what is due is answered by its Park or a grant, once", func(t *testing.T) {
		w := NewWaits()
		a, b, c := newWait("l", "a", 1, 30), newWait("l", "b", 2, 10), newWait("l", "c", 3, 20)
		for _, x := range []*Wait{a, b, c} {
			w.Add(x)
			if due, _, _ := w.Due(1000); len(due) > 0 {
				t.Fatal("a wait ran out before its ticket stood in the queue")
			}
		}
		for _, x := range []*Wait{a, b, c} {
			if x.Queued() {
				t.Error("a wait stood in the queue before its acquire was applied")
			}
			if w.Queued(x); !x.Queued() {
				t.Error("a wait does not stand in the queue though its acquire was applied")
			}
		}
		due, next, ok := w.Due(20)
		if len(due) != 2 || due[0] != b || due[1] != c || !ok || next != 30 {
			t.Fatalf("due: %v, next %v %v", due, next, ok)
		}
		if again, _, _ := w.Due(20); len(again) != 0 {
			t.Error("what is due is due once")
		}
		if w.Granted(grant("l", "b", 2)) != b || w.Remove(b) {
			t.Error("a grant between due and Park answers")
		}
		if !w.Remove(c) || w.Remove(c) {
			t.Error("a Park answers once")
		}
	})
	t.Run("a clean-up ends only its own attempt", func(t *testing.T) {
		w := NewWaits()
		a := newWait("l", "a", 5, 10)
		w.Add(a)
		if w.Left(&fsm.Leave{Name: "l", Session: "a", Attach: fsm.Attach{N: 4}}) != nil {
			t.Error("an older attempt's clean-up ended a newer wait")
		}
		if w.Left(&fsm.Leave{Name: "l", Session: "a", Attach: fsm.Attach{N: 5}}) != a {
			t.Error("the clean-up did not end its wait")
		}
	})
	t.Run("drain empties it", func(t *testing.T) {
		w := NewWaits()
		w.Add(newWait("l", "a", 1, 10))
		if len(w.Drain()) != 1 || len(w.Drain()) != 0 {
			t.Error("drain")
		}
	})
}

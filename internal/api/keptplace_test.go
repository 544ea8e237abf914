package api

import (
	"testing"
	"time"
)

// A place that is kept counts until it ends, and no longer.
func TestAKeptPlaceIsCountedUntilItEnds(t *testing.T) {
	w := newWaits(1)
	a, b := waitKey{"job", "a"}, waitKey{"job", "b"}
	leave, ok := w.enter("ip", a)
	again, okAgain := w.enter("ip", a)
	if !ok || !okAgain {
		t.Fatal("a session that waits may not wait again")
	}
	if _, ok := w.enter("other ip", b); !ok {
		t.Error("addresses are counted together")
	}
	leave(0)
	if _, ok := w.enter("ip", b); ok {
		t.Error("of two requests one is enough to count")
	}
	again(time.Hour)
	if _, ok := w.enter("ip", b); ok {
		t.Error("a kept place is not counted")
	}
	leave, ok = w.enter("ip", a)
	if !ok {
		t.Fatal("a kept place is not taken over")
	}
	leave(time.Millisecond)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if leave, ok := w.enter("ip", b); ok {
			leave(0)
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the count of a kept place does not end")
		}
	}
	if len(w.byIP) != 1 { // the other address
		t.Errorf("%d addresses are remembered", len(w.byIP))
	}
}

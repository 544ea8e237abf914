package api

import (
	"testing"
	"time"
)

func TestAKeptPlaceIsCountedUntilItEnds(t *testing.T) {
	w := newWaits(1)
	a, b := waitKey{"job", "a"}, waitKey{"job", "b"}
	leave, ok := w.enter("ip", a)
	again, okAgain := w.enter("ip", a)
	if !ok || !okAgain {
		t.Fatal("a session that waits cannot wait a second time")
	}
	if _, ok := w.enter("other ip", b); !ok {
		t.Error("addresses are counted together")
	}
	leave(0)
	if _, ok := w.enter("ip", b); ok {
		t.Error("the wait does not count after one of its two requests ended")
	}
	again(time.Hour)
	if _, ok := w.enter("ip", b); ok {
		t.Error("a kept place is not counted")
	}
	leave, ok = w.enter("ip", a)
	if !ok {
		t.Fatal("a new wait does not replace a kept place")
	}
	leave(time.Millisecond)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if leave, ok := w.enter("ip", b); ok {
			leave(0)
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a kept place is counted without end")
		}
	}
	if len(w.byIP) != 1 { // the other address
		t.Errorf("%d addresses are counted, want 1", len(w.byIP))
	}
}

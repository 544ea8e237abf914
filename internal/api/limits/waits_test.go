package limits

import (
	"testing"
	"time"
)

func TestAKeptPlaceIsCountedUntilItEnds(t *testing.T) {
	w := NewWaits(1)
	a, b := Wait{"job", "a"}, Wait{"job", "b"}
	leave, ok := w.Enter("ip", a)
	again, okAgain := w.Enter("ip", a)
	if !ok || !okAgain {
		t.Fatal("a session that waits cannot wait a second time")
	}
	if _, ok := w.Enter("other ip", b); !ok {
		t.Error("addresses are counted together")
	}
	leave(0)
	if _, ok := w.Enter("ip", b); ok {
		t.Error("the wait does not count after one of its two requests ended")
	}
	again(time.Hour)
	if _, ok := w.Enter("ip", b); ok {
		t.Error("a kept place is not counted")
	}
	leave, ok = w.Enter("ip", a)
	if !ok {
		t.Fatal("a new wait does not replace a kept place")
	}
	leave(time.Millisecond)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if leave, ok := w.Enter("ip", b); ok {
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

package handshake

import (
	"context"
	"testing"
	"testing/synctest"
)

// TestPlacesAreSharedFairly: one address has all places, and waits for more. Another one gets a place at once, at the
// cost of the oldest handshake of the first, until both have the same number.
func TestPlacesAreSharedFairly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(4)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var evicted []int
		leave := make(map[int]func())
		for i := range 4 {
			var err error
			if leave[i], err = g.enter(ctx, "crowd", func() { evicted = append(evicted, i) }); err != nil {
				t.Fatal(err)
			}
		}
		entered := make(map[string]int)
		waiting := func(address string) {
			go func() {
				if _, err := g.enter(ctx, address, func() {}); err == nil {
					entered[address]++
				}
			}()
			synctest.Wait()
		}
		waiting("crowd")
		for range 3 {
			waiting("single")
		}
		if len(evicted) != 2 || evicted[0] != 0 || evicted[1] != 1 || entered["single"] != 2 || entered["crowd"] != 0 {
			t.Errorf("evicted %v, entered %v", evicted, entered)
		}
		leave[0]() // it has no place
		leave[2]()
		synctest.Wait()
		if entered["crowd"] != 1 || entered["single"] != 2 { // the crowd has fewer now, and has waited for longer
			t.Errorf("after a place became free: %v", entered)
		}
		leave[3]()
		synctest.Wait()
		if entered["single"] != 3 {
			t.Errorf("after the next one: %v", entered)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	g := newGate(1)
	leave, err := g.enter(t.Context(), "a", func() {})
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.enter(ended, "a", func() {}); err == nil {
		t.Error("a second handshake entered")
	}
	leave()
	leave()
	if g.count != 0 || len(g.waiting) != 0 || len(g.running) != 0 {
		t.Errorf("%d run, %d wait", g.count, len(g.waiting))
	}
}

package memory

import "testing"

func TestGCPercentDependsOnTheHeap(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, gcMost}, {1 << 20, gcMost}, {16 << 20, 800}, {32 << 20, 400}, {128 << 20, 100}, {256 << 20, 50}, {1 << 30, gcLeast}, {1 << 40, gcLeast},
	} {
		if got := gcPercent(c.live); got != c.want {
			t.Errorf("with a live heap of %d bytes: %d percent, want %d", c.live, got, c.want)
		}
	}
}

package memory

import "testing"

func TestDefaultStateFollowsTheMemory(t *testing.T) {
	for available, want := range map[uint64]int{
		0:         maxDefaultState,
		64 << 20:  minState,
		128 << 20: 20 << 20,
		1 << 30:   (1<<30 - stateReserve) / stateShare,
		1 << 40:   maxDefaultState,
	} {
		if got := DefaultState(available); got != want {
			t.Errorf("with %d bytes of memory: %d, want %d", available, got, want)
		}
	}
}

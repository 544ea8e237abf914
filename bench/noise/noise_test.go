package noise

import (
	"testing"
	"time"
)

func TestForeignIsTheMachinesCPUWithoutTheBenchmarks(t *testing.T) {
	start := time.Unix(0, 0)
	before := Sample{At: start, Machine: 10 * time.Second, Own: 4 * time.Second}
	for _, c := range []struct {
		machine, own time.Duration
		want         float64
	}{
		{machine: 14 * time.Second, own: 7 * time.Second, want: 0.5},
		{machine: 14 * time.Second, own: 8 * time.Second, want: 0},
		{machine: 14 * time.Second, own: 9 * time.Second, want: 0}, // rounded differently
	} {
		after := Sample{At: start.Add(2 * time.Second), Machine: c.machine, Own: c.own}
		if got := after.Foreign(before); got != c.want {
			t.Errorf("machine %v, own %v: %v cores, want %v", c.machine, c.own, got, c.want)
		}
	}
}

func TestIdleTimeAndInterruptsAreNotCounted(t *testing.T) {
	got, err := machine("cpu  100 20 3 9999 9999 9999 9999 4 50 50\ncpu0 1 2 3 4 5 6 7 8\n")
	if want := 1270 * time.Millisecond; err != nil || got != want {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	for _, wrong := range []string{"", "cpu 1 2", "cpu0 1 2 3 4 5 6 7 8", "cpu x 2 3 4 5 6 7 8"} {
		if _, err := machine(wrong); err == nil {
			t.Errorf("%q was read", wrong)
		}
	}
}

func TestAKernelThreadIsAChildOfTheFirstOne(t *testing.T) {
	for stat, want := range map[string]bool{
		"31 (kworker/0:1) I 2 0 0": true, "32 (a) 2 (b) S 1 2 2": false, "33 (x) S 2": true, "": false,
	} {
		if isKernelThread(stat) != want {
			t.Errorf("%q: want %v", stat, want)
		}
	}
}

package lockd

import (
	"runtime"
	"testing"
	"time"
)

func TestElapsedTimeIsTheMaximumOfTheClocks(t *testing.T) {
	then := systemClock()
	for name, c := range map[string]struct {
		monotonic, boot, wall, want time.Duration
	}{
		"awake":                                {time.Second, time.Second, time.Second, time.Second},
		"suspended":                            {time.Second, time.Hour, time.Hour, time.Hour},
		"suspended and set back":               {time.Second, time.Hour, -time.Hour, time.Hour},
		"a virtual machine paused by its host": {time.Second, time.Second, time.Hour, time.Hour},
		"set back":                             {time.Second, time.Second, -time.Hour, time.Second},
	} {
		now := instant{at: then.at.Add(c.monotonic), boot: then.boot + c.boot, wall: then.wall.Add(c.wall)}
		if got := now.since(then); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestBootClockAdvances(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has it")
	}
	first := sinceBoot()
	began := time.Now()
	for time.Since(began) < time.Millisecond {
	}
	if passed := sinceBoot() - first; first <= 0 || passed < time.Millisecond {
		t.Errorf("%v since boot, %v passed in a millisecond", first, passed)
	}
}

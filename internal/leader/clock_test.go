package leader

import (
	"testing"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

func TestAPromiseNeverOutlastsWhatItCountsFrom(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		arrival, from     time.Duration
		ttl               fsm.Millis
		waited, expiresIn fsm.Millis
	}{
		"at once":                   {0, 0, 15_000, 0, 14_985},
		"packed after a wait":       {0, 2500 * ms, 15_000, 2_497, 14_985},
		"rounded down":              {0, 2999*ms + 999*time.Microsecond, 15_000, 2_996, 14_985},
		"a small ttl":               {0, 0, 1_000, 0, 999},
		"not a multiple":            {0, 0, 1_001, 0, 999},
		"granted before it arrived": {4000 * ms, 1000 * ms, 15_000, 0, 11_985},
		"long over":                 {60_000 * ms, 0, 15_000, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			waited, expiresIn := promise(c.arrival, c.from, c.ttl)
			if waited != c.waited || expiresIn != c.expiresIn {
				t.Errorf("waited %d, expires in %d", waited, expiresIn)
			}
			end := c.arrival + time.Duration(waited+expiresIn)*ms
			// A clock that runs a thousandth slow counts so much from the arrival to the end.
			limit := c.from + time.Duration(c.ttl)*ms - c.arrival
			if slow := limit - limit/1000; end-c.arrival > slow && expiresIn > 0 {
				t.Errorf("it ends after %v, and such a clock counts %v", end-c.arrival, slow)
			}
		})
	}
}

// The time of a snapshot is that of its last entry. What the node's own clock had counted
// before the restore is no part of it.
func TestARestoredReplicaCountsFromTheRestore(t *testing.T) {
	r := NewReplica()
	r.Restore(90*time.Minute, fsm.New())
	if now := r.ClusterNow(90*time.Minute + time.Second); now != 1_000 {
		t.Errorf("the cluster's time is %d ms a second after the restore", now)
	}
}

func TestTheClustersClockGoesOnFromTheLastStamp(t *testing.T) {
	c := clock{stamp: 5_000, at: 10 * time.Second}
	if got := c.cluster(10*time.Second + 1500*time.Millisecond); got != 6_500 {
		t.Errorf("cluster time %d", got)
	}
	if got := c.local(6_500); got != 11_500*time.Millisecond {
		t.Errorf("local time %v", got)
	}
	// A stamp is rounded down, so its local time is never after the moment itself.
	now := 10*time.Second + 1_234_567*time.Microsecond
	if c.local(c.cluster(now)) > now {
		t.Error("a stamp lies ahead of the moment that it was taken at")
	}
}

package leader

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// Clock maps a leader's monotonic time to the cluster's: the last stamp that it
// had applied when its term began, and what its own clock has counted since it
// applied that. So the cluster's time never runs ahead of any former leader's.
type Clock struct {
	Stamp fsm.Millis
	At    time.Duration
}

// Cluster returns the cluster's time at a local one.
func (c Clock) Cluster(now time.Duration) fsm.Millis { return c.Stamp + Millis(now-c.At) }

// Local returns the local time of a stamp.
func (c Clock) Local(stamp fsm.Millis) time.Duration {
	return c.At + time.Duration(stamp-c.Stamp)*time.Millisecond
}

// Millis rounds down.
func Millis(d time.Duration) fsm.Millis {
	m := fsm.Millis(d / time.Millisecond)
	if d < 0 && d%time.Millisecond != 0 {
		m--
	}
	return m
}

// RoundUp returns a duration in milliseconds, never less than it.
func RoundUp(d time.Duration) fsm.Millis { return Millis(d + time.Millisecond - 1) }

// Timing is when a proposal arrived, when its entry was packed, and what the
// entry's stamp, in whole milliseconds, makes of that; on the leader's clock.
type Timing struct{ Arrival, Packed, Stamped time.Duration }

// from returns the moment that a hold's time counts from.
func (t Timing) from(ttl fsm.Millis) time.Duration {
	if ttl > fsm.ShortTTL {
		return t.Stamped // a next leader knows only the stamp
	}
	return t.Packed
}

// Waited returns how long a caller is told that it waited: less a thousandth, as
// every time that is counted here and added to one of the caller's own.
func Waited(d time.Duration) fsm.Millis { return Millis(d - d/1000) }

// promise returns what a holder is told of a hold that was packed, or whose
// renewal arrived, at from, for a request that arrived at arrival: waited_ms
// and expires_in_ms. It ends at from + ttl, less a thousandth for clocks that
// run at different rates.
//
// It counts from the packing and not from the applying of the entry: a leader
// that was stopped between the two may have been replaced by one whose deadlines
// began meanwhile, and must not promise past them.
func promise(arrival, from time.Duration, ttl fsm.Millis) (waited, expiresIn fsm.Millis) {
	expiresIn = ttl - (ttl+999)/1000
	if from >= arrival {
		return Waited(from - arrival), expiresIn
	}
	return 0, max(0, expiresIn+Millis(from-arrival))
}

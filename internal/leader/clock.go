package leader

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// clock maps a leader's monotonic time to the cluster's: the last stamp that it had
// applied when its term began, and what its own clock has counted since it applied that
// stamp. So the cluster's time is never ahead of that of a former leader.
type clock struct {
	stamp fsm.Millis
	at    time.Duration
}

// cluster returns the cluster's time at a local one.
func (c clock) cluster(now time.Duration) fsm.Millis { return c.stamp + Millis(now-c.at) }

// local returns the local time of a stamp.
func (c clock) local(stamp fsm.Millis) time.Duration {
	return c.at + time.Duration(stamp-c.stamp)*time.Millisecond
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

// timing is when a proposal arrived, when its entry was packed, and the latter as the
// entry's stamp has it, in whole milliseconds. All are on the leader's clock.
type timing struct{ arrival, packed, stamped time.Duration }

// from returns the moment that a hold's time counts from.
func (t timing) from(ttl fsm.Millis) time.Duration {
	if ttl > fsm.ShortTTL {
		return t.stamped // the next leader knows only the stamp
	}
	return t.packed
}

// Waited returns the waited_ms of an answer: less a thousandth, since the caller adds it to
// a time on its own clock.
func Waited(d time.Duration) fsm.Millis { return Millis(d - d/1000) }

// promise returns waited_ms and expires_in_ms for a request that arrived at arrival: of a
// hold that was packed, or whose renewal arrived, at from. The promise ends at from + ttl,
// less a thousandth for clocks that run at different rates.
//
// It counts from when the entry was packed and not from when it was applied: a leader that
// was stopped between the two may have been replaced by one whose deadlines began
// meanwhile, and must not promise more than those allow.
func promise(arrival, from time.Duration, ttl fsm.Millis) (waited, expiresIn fsm.Millis) {
	expiresIn = ttl - (ttl+999)/1000
	if from >= arrival {
		return Waited(from - arrival), expiresIn
	}
	return 0, max(0, expiresIn+Millis(from-arrival))
}

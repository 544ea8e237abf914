package cluster

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// clock maps a leader's monotonic time to the cluster's: the last stamp that it
// had applied when its term began, and what its own clock has counted since it
// applied that. So the cluster's time never runs ahead of any former leader's.
type clock struct {
	stamp fsm.Millis
	at    time.Duration
}

// cluster returns the cluster's time at a local one.
func (c clock) cluster(now time.Duration) fsm.Millis { return c.stamp + millis(now-c.at) }

// local returns the local time of a stamp.
func (c clock) local(stamp fsm.Millis) time.Duration {
	return c.at + time.Duration(stamp-c.stamp)*time.Millisecond
}

// millis rounds down.
func millis(d time.Duration) fsm.Millis {
	m := fsm.Millis(d / time.Millisecond)
	if d < 0 && d%time.Millisecond != 0 {
		m--
	}
	return m
}

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
		return millis(from - arrival), expiresIn
	}
	return 0, max(0, expiresIn+millis(from-arrival))
}

package cluster

import (
	"sync/atomic"

	"github.com/lockd/lockd/internal/fsm"
)

// maxAsking bounds how many acquires that do not wait a node has taken on and not
// yet answered. More than that is a flood: who is beyond the bound is refused at
// once, before it costs the leader anything, so that the processors are left to
// those who hold a lease and renew it. Acquires that wait have a bound of their
// own, at the leader: once they stand in the queue, they cost next to nothing.
const maxAsking = 1_024

// admission counts the acquires that a node is busy with.
type admission struct{ asking atomic.Int64 }

// enter lets a command in, or refuses it; leave counts it out again.
func (a *admission) enter(c fsm.Command) (leave func(), ok bool) {
	if !asks(c) {
		return func() {}, true
	}
	if a.asking.Add(1) > maxAsking {
		a.asking.Add(-1)
		return nil, false
	}
	return func() { a.asking.Add(-1) }, true
}

// shortWait is what an acquire has to wait for at least to be one that waits. A shorter
// one costs the leader more than one that does not wait: an entry, and soon another.
const shortWait fsm.Millis = 1_000

// asks reports whether a command asks for a lease and does not wait for it, or hardly.
func asks(c fsm.Command) bool {
	switch c := c.(type) {
	case *fsm.Acquire:
		return c.Wait < shortWait
	case *fsm.AcquireAll:
		return true
	}
	return false
}

package reign

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// A Reign is what one term's leader knows beside the machine. Every call is told
// the time, and is given the machine as it is at that moment. It is not safe for
// concurrent use.
type Reign struct {
	Clock Clock
	Book  Book

	// Renewed, where it is set, is told how much of a TTL was left at each renewal,
	// from 0 to 1.
	Renewed func(margin float64)

	// leaving holds the attempts whose clean-up is on its way into the log while
	// what they may yet be granted is not applied.
	leaving map[fsm.Attach]*Leaving
}

// Begin builds the book from the machine: everything up to the leader's own
// Barrier is applied there, and nothing may be applied between this and the first
// Applied. Stamped is when the last stamp was applied here.
func Begin(m *fsm.Machine, now, stamped time.Duration, book Book) *Reign {
	r := &Reign{
		Clock:   Clock{Stamp: m.Now(), At: stamped},
		Book:    book,
		leaving: make(map[fsm.Attach]*Leaving),
	}
	var timers []fsm.Timer
	m.Timers(func(t fsm.Timer) { timers = append(timers, t) })
	book.Apply(now, r.Clock.Cluster(now), timers)
	return r
}

// Applied brings the book up to date with an entry, and returns how late each
// expiry in it was.
func (r *Reign) Applied(now time.Duration, out *fsm.Applied) (late []time.Duration) {
	late = r.Book.Apply(now, r.Clock.Cluster(now), out.Timers)
	if len(r.leaving) > 0 {
		r.withdraw(out)
	}
	return late
}

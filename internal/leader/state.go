package leader

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// A State is what one term's leader knows in addition to the machine. Every call
// receives the time, and the machine as it is at that moment. It is not safe for
// concurrent use.
type State struct {
	Clock     Clock
	Deadlines *Deadlines

	// Renewed receives each renewal; see Host.
	Renewed func(token uint64, margin float64)

	// cleanUps holds, by attempt, the clean-ups on their way into the log for attempts
	// that may yet be granted something.
	cleanUps map[fsm.Attach]*CleanUp
}

// newState sets the deadlines from the machine. Stamped is when the last stamp was
// applied here.
func newState(m *fsm.Machine, now, stamped time.Duration) *State {
	s := &State{
		Clock:     Clock{Stamp: m.Now(), At: stamped},
		Deadlines: NewDeadlines(),
		cleanUps:  make(map[fsm.Attach]*CleanUp),
	}
	var timers []fsm.Timer
	m.Timers(func(t fsm.Timer) { timers = append(timers, t) })
	s.Deadlines.Apply(now, s.Clock.Cluster(now), timers)
	return s
}

// Applied updates the deadlines by an entry, and returns how late each expiry in it was.
func (s *State) Applied(now time.Duration, out *fsm.Applied) (late []time.Duration) {
	late = s.Deadlines.Apply(now, s.Clock.Cluster(now), out.Timers)
	if len(s.cleanUps) > 0 {
		s.withdraw(out)
	}
	return late
}

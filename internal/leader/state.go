package leader

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// A termState is what one term's leader knows in addition to the machine. Every call
// receives the time, and the machine as it is at that moment. It is not safe for
// concurrent use.
type termState struct {
	clock     clock
	deadlines *Deadlines
	began     time.Duration // when the deadlines were set from the machine

	// renewed receives each renewal; see Host.
	renewed func(token uint64, margin float64)

	// cleanUps holds, by attempt, the clean-ups on their way into the log for attempts
	// that may yet be granted something.
	cleanUps map[fsm.AttemptID]*cleanUp
}

// newState sets the deadlines from the machine. Stamped is when the last stamp was
// applied here.
func newState(m *fsm.Machine, now, stamped time.Duration) *termState {
	s := &termState{
		clock:     clock{stamp: m.Now(), at: stamped},
		deadlines: NewDeadlines(),
		began:     now,
		cleanUps:  make(map[fsm.AttemptID]*cleanUp),
	}
	var timers []fsm.Timer
	m.Timers(func(t fsm.Timer) { timers = append(timers, t) })
	s.deadlines.Apply(now, s.clock.cluster(now), timers)
	return s
}

// applied updates the deadlines by an entry, and returns how late each expiry in it was.
func (s *termState) applied(now time.Duration, out *fsm.Applied) (late []time.Duration) {
	late = s.deadlines.Apply(now, s.clock.cluster(now), out.Timers)
	if len(s.cleanUps) > 0 {
		s.withdraw(out)
	}
	return late
}

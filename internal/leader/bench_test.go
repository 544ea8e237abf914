package leader

import (
	"testing"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

func BenchmarkDeadlinesRenew(b *testing.B) {
	const holds = 100_000
	deadlines := NewDeadlines()
	for id := range uint64(holds) {
		deadlines.Apply(0, 0, []fsm.Timer{hold(id+1, 15_000)})
	}
	now := time.Duration(0)
	for i := 0; b.Loop(); i++ {
		now += time.Microsecond
		deadlines.Renew(now, uint64(i%holds)+1)
	}
}

func BenchmarkDeadlinesPoll(b *testing.B) {
	const holds = 100_000
	deadlines := NewDeadlines()
	for id := range uint64(holds) {
		deadlines.Apply(0, 0, []fsm.Timer{hold(id+1, 60_000)})
	}
	for b.Loop() {
		deadlines.Due(time.Second, fsm.MaxEntryCommands)
	}
}

// BenchmarkDeadlinesFill is what a new leader does before it serves.
func BenchmarkDeadlinesFill(b *testing.B) {
	const holds = 1_000_000
	timers := make([]fsm.Timer, holds)
	for i := range timers {
		timers[i] = hold(uint64(i+1), 15_000)
	}
	for b.Loop() {
		NewDeadlines().Apply(0, 0, timers)
	}
}

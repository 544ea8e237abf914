package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// leader is a term whose log answers as it is told to.
type leader struct {
	mu      sync.Mutex
	book    *Deadlines
	began   time.Time
	decide  func(ctx context.Context, ends []fsm.Timer) error
	batches []batch
	undone  []fsm.Timer
}

type batch struct {
	at   time.Duration
	ends []fsm.Timer
}

func newLeader() *leader {
	l := &leader{book: NewDeadlines(), began: time.Now()}
	l.decide = l.commit
	return l
}

func (l *leader) now() time.Duration { return time.Since(l.began) }

func (l *leader) Due(most int) ([]fsm.Timer, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	due, next := l.book.Due(l.now(), most)
	return due, next - l.now()
}

func (l *leader) Decide(ctx context.Context, ends []fsm.Timer) error {
	l.mu.Lock()
	l.batches = append(l.batches, batch{l.now(), ends})
	l.mu.Unlock()
	return l.decide(ctx, ends)
}

func (l *leader) Undecided(ends []fsm.Timer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.undone = append(l.undone, ends...)
	for _, e := range ends {
		l.book.Unmark(e)
	}
}

// commit is what a log does that works: the ends take effect.
func (l *leader) commit(_ context.Context, ends []fsm.Timer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range ends {
		l.book.Apply(l.now(), 0, []fsm.Timer{cleared(e)})
	}
	return nil
}

func (l *leader) apply(timers ...fsm.Timer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.book.Apply(l.now(), 0, timers)
}

// run runs the job for a while, in synctest's own time, and ends its term.
func (l *leader) run(t *testing.T, during func()) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- Run(ctx, l, slog.New(slog.DiscardHandler)) }()
	during()
	end()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v, want the context's end", err)
	}
}

func TestRunEndsWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeader()
		l.apply(hold(1, 1_000), hold(2, 2_345))
		l.run(t, func() {
			time.Sleep(1_500 * time.Millisecond)
			l.apply(hold(3, 100))
			time.Sleep(2 * time.Second)
		})
		want := []time.Duration{1_000 * time.Millisecond, 1_600 * time.Millisecond, 2_345 * time.Millisecond}
		if len(l.batches) != len(want) {
			t.Fatalf("decided %v, want three", l.batches)
		}
		for i, b := range l.batches {
			if late := b.at - want[i]; late < 0 || late > 60*time.Millisecond {
				t.Errorf("hold %d was decided %v after its deadline", b.ends[0].ID, late)
			}
		}
	})
}

func TestRunBoundsItsBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const holds = 3*fsm.MaxEntryCommands + 5
		l := newLeader()
		for id := range uint64(holds) {
			l.apply(hold(id+1, 1_000))
		}
		var open, most atomic.Int64
		l.decide = func(ctx context.Context, ends []fsm.Timer) error {
			if now := open.Add(1); now > most.Load() {
				most.Store(now)
			}
			time.Sleep(5 * time.Millisecond)
			open.Add(-1)
			return l.commit(ctx, ends)
		}
		l.run(t, func() { time.Sleep(1_100 * time.Millisecond) })
		if most.Load() != maxOpen {
			t.Errorf("%d batches were on their way at once, want %d", most.Load(), maxOpen)
		}
		decided := 0
		for _, b := range l.batches {
			decided += len(b.ends)
			if len(b.ends) > fsm.MaxEntryCommands {
				t.Errorf("a batch of %d", len(b.ends))
			}
		}
		if decided != holds {
			t.Errorf("%d were decided, want %d", decided, holds)
		}
	})
}

func TestRunDecidesAnewWhatWasSurelyNotProposed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeader()
		l.apply(hold(1, 1_000))
		tries := 0
		l.decide = func(ctx context.Context, ends []fsm.Timer) error {
			if tries++; tries < 3 {
				return fmt.Errorf("busy: %w", fsm.ErrNoLeader)
			}
			return l.commit(ctx, ends)
		}
		l.run(t, func() { time.Sleep(2 * time.Second) })
		if tries != 3 || len(l.undone) != 2 {
			t.Fatalf("%d tries, %d taken back; want 3 and 2", tries, len(l.undone))
		}
		if gap := l.batches[1].at - l.batches[0].at; gap < pause {
			t.Errorf("decided anew after %v: a leader that cannot commit spins", gap)
		}
	})
}

func TestRunNeverRetriesWhatMayBeApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeader()
		l.apply(hold(1, 1_000), hold(2, 3_000))
		l.decide = func(context.Context, []fsm.Timer) error { return fmt.Errorf("lost: %w", fsm.ErrUnknown) }
		l.run(t, func() { time.Sleep(10 * time.Second) })
		if len(l.batches) != 2 || len(l.undone) != 0 {
			t.Errorf("decided %v, took back %v; want each once, and nothing back", l.batches, l.undone)
		}
	})
}

// A decision that takes long is no stop of the leader: the others still end in time.
func TestRunTakesTurnsWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeader()
		l.apply(hold(1, 1_000), hold(2, 4_000))
		l.decide = func(ctx context.Context, ends []fsm.Timer) error {
			if ends[0].ID == 1 {
				time.Sleep(2 * time.Second)
			}
			return l.commit(ctx, ends)
		}
		l.run(t, func() { time.Sleep(6 * time.Second) })
		if len(l.batches) != 2 {
			t.Fatalf("decided %v, want two", l.batches)
		}
		if late := l.batches[1].at - 4*time.Second; late < 0 || late > 60*time.Millisecond {
			t.Errorf("hold 2 was decided %v after its deadline", late)
		}
	})
}

func TestRunWaitsForItsDecisionsAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeader()
		l.apply(hold(1, 1_000), hold(2, 1_200))
		var returned atomic.Int64
		l.decide = func(ctx context.Context, _ []fsm.Timer) error {
			<-ctx.Done()
			time.Sleep(100 * time.Millisecond)
			returned.Add(1)
			return fsm.ErrNoLeader
		}
		l.run(t, func() { time.Sleep(1_500 * time.Millisecond) })
		if returned.Load() != 2 {
			t.Errorf("Run waited for %d of its two decisions", returned.Load())
		}
		if len(l.undone) > 0 {
			t.Error("a mark was taken back after the term ended")
		}
	})
}

package load_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockd/lockd/internal/load"
)

// run makes a load in made-up time.
func run(t *testing.T, p load.Plan, work load.Work) (r load.Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if r, err = load.Run(t.Context(), p, work); err != nil {
			t.Fatal(err)
		}
	})
	return r
}

// taking is work that takes a time.
func taking(d time.Duration) load.Work {
	return func(context.Context, int) error {
		time.Sleep(d)
		return nil
	}
}

// stalling is a system that answers in a millisecond, but once not for two seconds.
func stalling() load.Work {
	var begun sync.Once
	var over time.Time
	return func(context.Context, int) error {
		begun.Do(func() { over = time.Now().Add(2 * time.Second) })
		time.Sleep(max(time.Millisecond, time.Until(over)))
		return nil
	}
}

func TestAClosedLoopKeepsEveryWorkerBusy(t *testing.T) {
	r := run(t, load.Plan{Workers: 4, Duration: time.Second}, taking(10*time.Millisecond))
	if r.Count != 400 || r.PerSecond() != 400 || r.Took != time.Second {
		t.Errorf("%d in %v, want 400 in 1s", r.Count, r.Took)
	}
	if r.P50 != 10*time.Millisecond || r.Max != 10*time.Millisecond {
		t.Errorf("p50 %v and max %v, want 10ms", r.P50, r.Max)
	}
}

func TestAnOpenLoopBeginsAtItsRateHoweverFastTheAnswers(t *testing.T) {
	for _, took := range []time.Duration{0, time.Millisecond, 100 * time.Millisecond} {
		r := run(t, load.Plan{Workers: 50, Rate: 200, Duration: time.Second}, taking(took))
		if r.Count != 200 || r.Unstarted != 0 || r.Max != took {
			t.Errorf("answers take %v: %d done, %d not begun, max %v", took, r.Count, r.Unstarted, r.Max)
		}
	}
}

// A closed loop hides a stall in one operation a worker; with an open loop it is
// in the figures of everything that was due meanwhile.
func TestAStallShowsInAnOpenLoopAndNotInAClosedOne(t *testing.T) {
	closed := run(t, load.Plan{Workers: 2, Duration: 10 * time.Second}, stalling())
	if closed.P99 > 2*time.Millisecond || closed.Max < 2*time.Second {
		t.Errorf("closed: p99 %v, max %v", closed.P99, closed.Max)
	}
	open := run(t, load.Plan{Workers: 2, Rate: 100, Duration: 10 * time.Second}, stalling())
	if open.P90 < 500*time.Millisecond || open.P99 < 1500*time.Millisecond {
		t.Errorf("open: p90 %v, p99 %v, though a fifth of all were held up", open.P90, open.P99)
	}
	if open.Count != 1000 {
		t.Errorf("open: %d done of 1000", open.Count)
	}
}

func TestWhatNoWorkerWasFreeForIsCounted(t *testing.T) {
	r := run(t, load.Plan{Workers: 1, Rate: 100, Duration: time.Second}, taking(100*time.Millisecond))
	if r.Count != 10 || r.Unstarted != 90 {
		t.Errorf("%d done and %d not begun, want 10 and 90", r.Count, r.Unstarted)
	}
	if r.P50 < 400*time.Millisecond {
		t.Errorf("p50 %v: what was not begun is not in it", r.P50)
	}
}

// The last operation may be over long before the time is.
func TestAnOpenLoopIsAsLongAsItWasPlanned(t *testing.T) {
	r := run(t, load.Plan{Workers: 1, Rate: 2, Duration: 2 * time.Second}, func(context.Context, int) error { return nil })
	if r.Count != 4 || r.PerSecond() != 2 {
		t.Errorf("%d operations, %v a second, want 4 and 2", r.Count, r.PerSecond())
	}
}

func TestTheWarmUpIsNotMeasured(t *testing.T) {
	var calls, before int64
	work := func(context.Context, int) error {
		time.Sleep(10 * time.Millisecond)
		calls++
		return nil
	}
	p := load.Plan{Workers: 1, Warmup: time.Second, Duration: time.Second, Warm: func() { before = calls }}
	r := run(t, p, work)
	if before != 100 || r.Count != 100 || calls != 200 {
		t.Errorf("%d before, %d measured, %d in all", before, r.Count, calls)
	}
}

func TestFailuresAreCountedApart(t *testing.T) {
	refused := errors.New("refused")
	var n atomic.Int64
	r := run(t, load.Plan{Workers: 1, Duration: time.Second}, func(context.Context, int) error {
		if n.Add(1)%4 == 0 {
			time.Sleep(40 * time.Millisecond)
			return refused
		}
		time.Sleep(20 * time.Millisecond)
		return nil
	})
	if r.Count != 30 || r.Errors != 10 || !errors.Is(r.FirstErr, refused) || r.Max != 20*time.Millisecond {
		t.Errorf("%+v", r)
	}
}

func TestALoadEndsWithItsContextAndWaitsForWhatRuns(t *testing.T) {
	for _, rate := range []float64{0, 100} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 95*time.Millisecond)
			defer cancel()
			var running atomic.Int64
			r, err := load.Run(ctx, load.Plan{Workers: 3, Rate: rate, Duration: time.Hour}, func(context.Context, int) error {
				running.Add(1)
				defer running.Add(-1)
				time.Sleep(10 * time.Millisecond)
				return nil
			})
			if err != nil || running.Load() != 0 || r.Took > 105*time.Millisecond || r.Count == 0 || r.Unstarted != 0 {
				t.Errorf("rate %v: %v, %d still run, %+v", rate, err, running.Load(), r)
			}
		})
	}
}

func TestAPlanThatIsNoneIsRefused(t *testing.T) {
	for _, p := range []load.Plan{{}, {Workers: 1}, {Duration: 1}, {Workers: 1, Duration: 1, Rate: -1}, {Workers: 1, Duration: 1, Warmup: -1}} {
		if _, err := load.Run(t.Context(), p, taking(0)); err == nil {
			t.Errorf("%+v was taken", p)
		}
	}
}

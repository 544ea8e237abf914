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

// run generates a load with a fake clock.
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

// sleeping returns work that takes d.
func sleeping(d time.Duration) load.Work {
	return func(context.Context, int) error {
		time.Sleep(d)
		return nil
	}
}

// stalling returns work that takes a millisecond, but stalls for the first two seconds.
func stalling() load.Work {
	var begun sync.Once
	var over time.Time
	return func(context.Context, int) error {
		begun.Do(func() { over = time.Now().Add(2 * time.Second) })
		time.Sleep(max(time.Millisecond, time.Until(over)))
		return nil
	}
}

func TestClosedLoopKeepsAllWorkersBusy(t *testing.T) {
	r := run(t, load.Plan{Workers: 4, Duration: time.Second}, sleeping(10*time.Millisecond))
	if r.Count != 400 || r.PerSecond() != 400 || r.Took != time.Second {
		t.Errorf("%d in %v, want 400 in 1s", r.Count, r.Took)
	}
	if r.P50 != 10*time.Millisecond || r.Max != 10*time.Millisecond {
		t.Errorf("p50 %v and max %v, want 10ms", r.P50, r.Max)
	}
}

func TestOpenLoopRateDoesNotDependOnAnswerTime(t *testing.T) {
	for _, took := range []time.Duration{0, time.Millisecond, 100 * time.Millisecond} {
		r := run(t, load.Plan{Workers: 50, Rate: 200, Duration: time.Second}, sleeping(took))
		if r.Count != 200 || r.Unstarted != 0 || r.Max != took {
			t.Errorf("answer time %v: count %d, unstarted %d, max %v", took, r.Count, r.Unstarted, r.Max)
		}
	}
}

// TestStallIsMeasuredByOpenLoopButNotByClosedLoop: in a closed loop, a stall delays one operation of each worker. In an
// open loop it delays all operations that are scheduled during the stall.
func TestStallIsMeasuredByOpenLoopButNotByClosedLoop(t *testing.T) {
	closed := run(t, load.Plan{Workers: 2, Duration: 10 * time.Second}, stalling())
	if closed.P99 > 2*time.Millisecond || closed.Max < 2*time.Second {
		t.Errorf("closed: p99 %v, max %v", closed.P99, closed.Max)
	}
	open := run(t, load.Plan{Workers: 2, Rate: 100, Duration: 10 * time.Second}, stalling())
	if open.P90 < 500*time.Millisecond || open.P99 < 1500*time.Millisecond {
		t.Errorf("open: p90 %v, p99 %v, but the stall delayed a fifth of all operations", open.P90, open.P99)
	}
	if open.Count != 1000 {
		t.Errorf("open: count %d, want 1000", open.Count)
	}
}

func TestUnstartedOperationsAreCounted(t *testing.T) {
	r := run(t, load.Plan{Workers: 1, Rate: 100, Duration: time.Second}, sleeping(100*time.Millisecond))
	if r.Count != 10 || r.Unstarted != 90 {
		t.Errorf("count %d and unstarted %d, want 10 and 90", r.Count, r.Unstarted)
	}
	if r.P50 < 400*time.Millisecond {
		t.Errorf("p50 %v does not include unstarted operations", r.P50)
	}
}

func TestOpenLoopLastsPlannedDuration(t *testing.T) {
	r := run(t, load.Plan{Workers: 1, Rate: 2, Duration: 2 * time.Second}, func(context.Context, int) error { return nil })
	if r.Count != 4 || r.PerSecond() != 2 {
		t.Errorf("count %d, %v per second, want 4 and 2", r.Count, r.PerSecond())
	}
}

func TestWarmUpIsNotMeasured(t *testing.T) {
	var calls, before int64
	work := func(context.Context, int) error {
		time.Sleep(10 * time.Millisecond)
		calls++
		return nil
	}
	p := load.Plan{Workers: 1, Warmup: time.Second, Duration: time.Second, Warm: func() { before = calls }}
	r := run(t, p, work)
	if before != 100 || r.Count != 100 || calls != 200 {
		t.Errorf("%d calls before the measurement, count %d, %d calls in total", before, r.Count, calls)
	}
}

func TestFailuresAreCountedSeparately(t *testing.T) {
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

func TestRunEndsWithContextAndWaitsForOperations(t *testing.T) {
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
				t.Errorf("rate %v: %v, %d operations still running, %+v", rate, err, running.Load(), r)
			}
		})
	}
}

func TestInvalidPlanIsRefused(t *testing.T) {
	for _, p := range []load.Plan{{}, {Workers: 1}, {Duration: 1}, {Workers: 1, Duration: 1, Rate: -1}, {Workers: 1, Duration: 1, Warmup: -1}} {
		if _, err := load.Run(t.Context(), p, sleeping(0)); err == nil {
			t.Errorf("%+v: want an error", p)
		}
	}
}

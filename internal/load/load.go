package load

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Work does one operation in the name of a worker, numbered from 0. No two
// operations of a worker run at once.
type Work func(ctx context.Context, worker int) error

// Plan says how much load there is, and for how long.
type Plan struct {
	Workers  int           // how many operations may run at once
	Rate     float64       // operations begun a second, an open loop; 0: a closed loop
	Warmup   time.Duration // the same load before it, which is not measured
	Duration time.Duration

	// Warm is called once between the warm-up and the measurement, by those who
	// measure something beside it.
	Warm func()
}

// Run makes the load and returns what was measured. It ends early, and without an
// error, when ctx does; operations that run then are waited for.
func Run(ctx context.Context, p Plan, work Work) (Result, error) {
	if p.Workers < 1 || p.Rate < 0 || p.Duration <= 0 || p.Warmup < 0 {
		return Result{}, errors.New("load: want workers, a duration, and no negative rate or warm-up")
	}
	if p.Warmup > 0 {
		p.phase(ctx, p.Warmup, work)
	}
	if p.Warm != nil {
		p.Warm()
	}
	return p.phase(ctx, p.Duration, work), nil
}

// phase makes the load for a time, and waits for what it began.
func (p Plan) phase(ctx context.Context, duration time.Duration, work Work) Result {
	r := newRecorder()
	began := time.Now()
	loop := closed(began, duration)
	var pace *schedule
	if p.Rate > 0 {
		pace = newSchedule(began, duration, p.Rate)
		loop = pace.open
	}
	var workers sync.WaitGroup
	for i := range p.Workers {
		workers.Go(func() { loop(ctx, r, func(ctx context.Context) error { return work(ctx, i) }) })
	}
	workers.Wait()
	if pace != nil && ctx.Err() == nil {
		pace.rest(r)
	}
	took := time.Since(began)
	if pace != nil && ctx.Err() == nil {
		took = max(took, duration) // the last one due may be over long before the end
	}
	return r.result(took)
}

// loop is what one worker does in a phase.
type loop func(ctx context.Context, r *recorder, do func(context.Context) error)

// closed begins the next operation when the last has ended.
func closed(began time.Time, duration time.Duration) loop {
	return func(ctx context.Context, r *recorder, do func(context.Context) error) {
		for at := time.Now(); ctx.Err() == nil && at.Sub(began) < duration; at = time.Now() {
			r.record(at, do(ctx))
		}
	}
}

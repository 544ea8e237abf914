package load

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Work runs one operation of a worker. Workers are numbered from 0. A worker runs one operation at a time.
type Work func(ctx context.Context, worker int) error

// Plan configures a load.
type Plan struct {
	Workers  int           // maximum number of concurrent operations
	Rate     float64       // operations per second of an open loop; 0: a closed loop
	Warmup   time.Duration // duration of the load before the measurement
	Duration time.Duration

	// Warm is called once between the warm-up and the measurement, if it is not nil. A caller can start its own
	// measurements in it.
	Warm func()

	// Progress runs during the measurement, until its context ends, if it is not nil. soFar returns how many operations
	// have succeeded and failed.
	Progress func(ctx context.Context, soFar func() (done, failed int64))
}

// Run generates the load and returns the result. If ctx ends, Run waits for the running operations and returns early,
// without an error.
func Run(ctx context.Context, p Plan, work Work) (Result, error) {
	if p.Workers < 1 || p.Rate < 0 || p.Duration <= 0 || p.Warmup < 0 {
		return Result{}, errors.New("load: Workers and Duration must be positive, Rate and Warmup not negative")
	}
	if p.Warmup > 0 {
		p.phase(ctx, p.Warmup, newRecorder(), work)
	}
	if p.Warm != nil {
		p.Warm()
	}
	r := newRecorder()
	if p.Progress == nil {
		return p.phase(ctx, p.Duration, r, work), nil
	}
	during, cancel := context.WithCancel(ctx)
	var progress sync.WaitGroup
	progress.Go(func() { p.Progress(during, r.soFar) })
	result := p.phase(ctx, p.Duration, r, work)
	cancel()
	progress.Wait()
	return result, nil
}

// phase generates the load for a duration, and waits for its operations.
func (p Plan) phase(ctx context.Context, duration time.Duration, r *recorder, work Work) Result {
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
		took = max(took, duration) // the last scheduled operation can end long before the phase
	}
	return r.result(took)
}

// loop runs the operations of one worker in a phase.
type loop func(ctx context.Context, r *recorder, do func(context.Context) error)

// closed returns a loop that begins its next operation when the last has ended.
func closed(began time.Time, duration time.Duration) loop {
	return func(ctx context.Context, r *recorder, do func(context.Context) error) {
		for at := time.Now(); ctx.Err() == nil && at.Sub(began) < duration; at = time.Now() {
			r.record(at, do(ctx))
		}
	}
}

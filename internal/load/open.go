package load

import (
	"context"
	"sync/atomic"
	"time"
)

// schedule has the start times of the operations of an open loop. They do not depend on the answers. The workers share
// the schedule, and each takes its next operation.
type schedule struct {
	began time.Time
	gap   time.Duration
	size  int64 // number of operations
	next  atomic.Int64
}

func newSchedule(began time.Time, duration time.Duration, rate float64) *schedule {
	return &schedule{
		began: began,
		gap:   time.Duration(float64(time.Second) / rate),
		size:  int64(duration.Seconds() * rate),
	}
}

func (s *schedule) at(i int64) time.Time { return s.began.Add(time.Duration(i) * s.gap) }

// end returns the end of the schedule: one gap after the start time of the last operation.
func (s *schedule) end() time.Time { return s.at(s.size) }

// open is the loop of a worker. It runs operations at their start times, or later if no worker was free.
func (s *schedule) open(ctx context.Context, r *recorder, do func(context.Context) error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for ctx.Err() == nil && time.Now().Before(s.end()) {
		i := s.next.Add(1) - 1
		if i >= s.size {
			return
		}
		timer.Reset(time.Until(s.at(i)))
		select {
		case <-timer.C:
			r.record(s.at(i), do(ctx))
		case <-ctx.Done():
		}
	}
}

// rest records the operations that did not start before the end because no worker was free. Their latency is their
// delay at the end, which is a lower bound.
func (s *schedule) rest(r *recorder) {
	for i := s.next.Load(); i < s.size; i++ {
		r.unstarted(s.end().Sub(s.at(i)))
	}
}

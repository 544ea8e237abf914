package load

import (
	"context"
	"sync/atomic"
	"time"
)

// A schedule is when the operations of an open loop are meant to begin, which no
// answer changes. The workers share it; each takes the next operation that is left.
type schedule struct {
	began time.Time
	gap   time.Duration
	size  int64 // operations in all
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

// end is when the last operation should have begun and the next one would.
func (s *schedule) end() time.Time { return s.at(s.size) }

// open does operations at their times, or late where no worker was free.
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

// rest counts the operations that no worker was free for until the end: as late as
// they were by then, which is the least that they would have taken.
func (s *schedule) rest(r *recorder) {
	for i := s.next.Load(); i < s.size; i++ {
		r.unstarted(s.end().Sub(s.at(i)))
	}
}

package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what was measured. Latencies are those of the operations that were
// done and, in an open loop, the least ones of those that were not begun in time.
type Result struct {
	Count     int64 // operations done
	Errors    int64 // operations that failed
	Unstarted int64 // operations that were due, and that no worker was free for
	FirstErr  error

	Took                     time.Duration
	P50, P90, P99, P999, Max time.Duration
}

// PerSecond is how many operations were done a second.
func (r Result) PerSecond() float64 {
	if r.Took <= 0 {
		return 0
	}
	return float64(r.Count) / r.Took.Seconds()
}

// What a histogram tells apart: a microsecond, and three digits of whatever is longer.
const (
	unit    = time.Microsecond
	longest = 10 * time.Minute // what took longer is counted as that long
	digits  = 3
)

// recorder takes down what happens, in an amount of memory that does not grow.
type recorder struct {
	mu  sync.Mutex
	h   *hdrhistogram.Histogram
	sum Result
}

func newRecorder() *recorder {
	return &recorder{h: hdrhistogram.New(1, int64(longest/unit), digits)}
}

// record takes down an operation that was to begin at a time and has ended now.
func (r *recorder) record(at time.Time, err error) {
	took := time.Since(at)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.sum.Count++
		r.latency(took)
		return
	}
	r.sum.Errors++
	if r.sum.FirstErr == nil {
		r.sum.FirstErr = err
	}
}

func (r *recorder) unstarted(least time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Unstarted++
	r.latency(least)
}

func (r *recorder) latency(d time.Duration) {
	r.sum.Max = max(r.sum.Max, d)
	_ = r.h.RecordValue(int64(min(d, longest) / unit)) // within what it was made for
}

func (r *recorder) result(took time.Duration) Result {
	at := func(percent float64) time.Duration {
		return min(time.Duration(r.h.ValueAtPercentile(percent))*unit, r.sum.Max)
	}
	res := r.sum
	res.Took = took
	res.P50, res.P90, res.P99, res.P999 = at(50), at(90), at(99), at(99.9)
	return res
}

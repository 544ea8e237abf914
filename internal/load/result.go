package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result has the measurements of a load. The latencies include successful operations and, in an open loop, lower bounds
// for the operations that did not start in time.
type Result struct {
	Count     int64 // successful operations
	Errors    int64 // failed operations
	Unstarted int64 // scheduled operations that did not start because no worker was free
	FirstErr  error

	Took                     time.Duration
	P50, P90, P99, P999, Max time.Duration
}

// PerSecond returns the number of successful operations per second.
func (r Result) PerSecond() float64 {
	if r.Took <= 0 {
		return 0
	}
	return float64(r.Count) / r.Took.Seconds()
}

// The resolution of the histogram: one microsecond, and three significant digits for longer times.
const (
	unit    = time.Microsecond
	longest = 10 * time.Minute // longer times are recorded as this
	digits  = 3
)

// recorder records operations in constant memory.
type recorder struct {
	mu  sync.Mutex
	h   *hdrhistogram.Histogram
	sum Result
}

func newRecorder() *recorder {
	return &recorder{h: hdrhistogram.New(1, int64(longest/unit), digits)}
}

// record records an operation that was scheduled at a time and ends now.
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

// soFar returns how many operations have succeeded and failed.
func (r *recorder) soFar() (done, failed int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sum.Count, r.sum.Errors
}

func (r *recorder) unstarted(least time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Unstarted++
	r.latency(least)
}

func (r *recorder) latency(d time.Duration) {
	r.sum.Max = max(r.sum.Max, d)
	_ = r.h.RecordValue(int64(min(d, longest) / unit)) // the value is within the histogram's range
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

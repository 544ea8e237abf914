package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// exportClock registers a metric of the wall clock. Its value changes when the clock is set, and when the machine was
// suspended: the monotonic clock knows of neither.
func exportClock(r prometheus.Registerer) {
	began := time.Now()
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lockd_clock_shift_seconds",
		Help: "How far the wall clock has been set since the start of the process, or the machine suspended; 0 if neither.",
	}, func() float64 { return clockShift(began, time.Now()) }))
}

// clockShift returns the seconds by which the wall clock has advanced more than the monotonic clock between two times.
func clockShift(began, now time.Time) float64 {
	wall := now.Round(0).Sub(began.Round(0)) // without the monotonic readings
	return (wall - now.Sub(began)).Seconds()
}

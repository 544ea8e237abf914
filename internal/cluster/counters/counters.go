// Package counters has the metrics of a leader: what it grants and how holds end. Only the leader counts, so that a sum
// over nodes counts each once. The name of a lease is never a label.
package counters

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockd/lockd/internal/fsm"
)

// Counters are what a leader counts and measures.
type Counters struct {
	grants   prometheus.Counter
	ends     *prometheus.CounterVec
	vacancy  *prometheus.HistogramVec
	Margin   prometheus.Histogram
	Lateness prometheus.Histogram
}

// New returns exported counters.
func New(r prometheus.Registerer) *Counters {
	m := &Counters{
		grants: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lockd_grants_total", Help: "Leases granted, counted by the leader.",
		}),
		ends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lockd_ends_total", Help: "Holds that ended, by how, counted by the leader.",
		}, []string{"cause"}),
		vacancy: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lockd_vacancy_seconds",
			Help:    "From the end of one hold to the grant of the next, by how it ended; counted by the leader.",
			Buckets: []float64{0, .001, .005, .025, .1, .25, 1, 5, 15, 60, 600, 3600},
		}, []string{"cause"}),
		Margin: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "lockd_renew_margin_ratio",
			Help:    "How much of the TTL was left when a renewal arrived: near 0 means that holders are about to lose.",
			Buckets: []float64{.1, .2, .3, .4, .5, .6, .7, .8, .9, 1},
		}),
		Lateness: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "lockd_expiry_lateness_seconds",
			Help:    "From a deadline to the entry that made it true.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
	}
	for _, cause := range []fsm.EventType{fsm.EventReleased, fsm.EventExpired, fsm.EventBroken, fsm.EventTransferred, fsm.EventReclaimed} {
		m.ends.WithLabelValues(cause.String())
		m.vacancy.WithLabelValues(cause.String())
	}
	r.MustRegister(m.grants, m.ends, m.vacancy, m.Margin, m.Lateness)
	return m
}

// Observe counts the events of an entry.
func (m *Counters) Observe(events []*fsm.Event) {
	for _, e := range events {
		switch e.Type {
		case fsm.EventAcquired:
			m.grants.Inc()
			if e.Vacancy >= 0 {
				m.vacancy.WithLabelValues(e.Cause.String()).Observe(float64(e.Vacancy) / 1000)
			}
		case fsm.EventReleased, fsm.EventExpired, fsm.EventBroken, fsm.EventTransferred, fsm.EventReclaimed:
			m.ends.WithLabelValues(e.Type.String()).Inc()
		}
	}
}

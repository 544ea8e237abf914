package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockd/lockd/internal/api/limits"
	"github.com/lockd/lockd/internal/api/problems"
)

// metrics has the server's metrics.
type metrics struct {
	seconds  *prometheus.HistogramVec
	watchers prometheus.Gauge

	wouldDeny    *prometheus.CounterVec
	auditDropped prometheus.Counter
}

func newMetrics(r prometheus.Registerer, conns *limits.Connections) *metrics {
	m := &metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lockd_http_request_seconds",
			Help: "Time from a request's header to its answer, with waits, without streams.",
			Buckets: []float64{
				.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60,
			},
		}, []string{"route", "method", "code"}),
		watchers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "lockd_watchers",
			Help: "Open watches: streams and long-polls.",
		}),
	}
	m.wouldDeny = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lockd_auth_would_deny_total",
		Help: "Requests that were served while authentication is permissive, and that it would refuse when enabled.",
	}, []string{"problem"})
	for _, k := range []problems.Kind{problems.Unauthenticated, problems.NotAllowed, problems.RateLimited} {
		m.wouldDeny.WithLabelValues(string(k)) // so that it is exported before the first of them
	}
	m.auditDropped = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lockd_audit_dropped_total",
		Help: "Lines of the audit log that could not be written.",
	})
	r.MustRegister(m.wouldDeny, m.auditDropped, m.seconds, m.watchers, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lockd_http_connections",
		Help: "Open client connections.",
	}, func() float64 { return float64(conns.Open()) }))
	return m
}

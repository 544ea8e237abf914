// Package metrics has the metrics of the HTTP server. The name of a lease is never a label.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockd/lockd/internal/api/limits"
	"github.com/lockd/lockd/internal/api/problems"
)

// Metrics has the server's metrics.
type Metrics struct {
	Requests *Requests
	Watchers prometheus.Gauge

	WouldDeny    *prometheus.CounterVec
	AuditDropped prometheus.Counter
}

// New returns exported metrics. conns are the open connections.
func New(r prometheus.Registerer, conns *limits.Connections) *Metrics {
	m := &Metrics{
		Requests: newRequests(prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lockd_http_request_seconds",
			Help: "Time from a request's header to its answer, with waits, without streams.",
			Buckets: []float64{
				.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60,
			},
		}, []string{"route", "method", "code"})),
		Watchers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "lockd_watchers",
			Help: "Open watches: streams and long-polls.",
		}),
	}
	m.WouldDeny = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lockd_auth_would_deny_total",
		Help: "Requests that were served while authentication is permissive, and that it would refuse when enabled.",
	}, []string{"problem"})
	for _, k := range []problems.Kind{problems.Unauthenticated, problems.NotAllowed, problems.RateLimited} {
		m.WouldDeny.WithLabelValues(string(k)) // so that it is exported before the first of them
	}
	m.AuditDropped = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lockd_audit_dropped_total",
		Help: "Lines of the audit log that could not be written.",
	})
	r.MustRegister(m.WouldDeny, m.AuditDropped, m.Requests.vec, m.Watchers, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lockd_http_connections",
		Help: "Open client connections.",
	}, func() float64 { return float64(conns.Open()) }))
	return m
}

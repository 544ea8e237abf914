package agent

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts the renewals of an Agent's client that were repeated. It is the LeaderMetrics of its client.
type Metrics struct{ slow *prometheus.CounterVec }

// NewMetrics returns metrics without a count.
func NewMetrics() *Metrics {
	return &Metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "leader_election_slowpath_total",
		Help: "Total number of renewals that were not answered at first and were repeated.",
	}, []string{"name"})}
}

// On implements lockd.LeaderMetrics. The status of the Agent has who leads.
func (*Metrics) On(string) {}

// Off implements lockd.LeaderMetrics.
func (*Metrics) Off(string) {}

// SlowpathExercised implements lockd.LeaderMetrics.
func (m *Metrics) SlowpathExercised(name string) { m.slow.WithLabelValues(name).Inc() }

// metrics returns the handler of GET /metrics. The names are those of client-go.
func (a *Agent) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "leader_election_master_status", ConstLabels: prometheus.Labels{"name": a.opts.Name},
		Help: "Gauge of if the reporting system is the leader of the lease, 0 indicates backup, 1 indicates leader.",
	}, func() float64 {
		if a.Status().Leading {
			return 1
		}
		return 0
	}))
	if a.opts.Metrics != nil {
		a.opts.Metrics.slow.WithLabelValues(a.opts.Name) // so that it is 0 at first
		registry.MustRegister(a.opts.Metrics.slow)
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

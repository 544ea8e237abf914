package main

import (
	"log"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// leaderMetrics are the metrics of client-go, so that its dashboards and alerts work.
type leaderMetrics struct {
	status *prometheus.GaugeVec
	slow   *prometheus.CounterVec
}

func newLeaderMetrics() *leaderMetrics {
	return &leaderMetrics{
		status: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "leader_election_master_status", Help: "1 if this process leads, 0 if it is a backup.",
		}, []string{"name"}),
		slow: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leader_election_slowpath_total", Help: "Renewals that failed and were repeated.",
		}, []string{"name"}),
	}
}

// On implements lockd.LeaderMetrics.
func (m *leaderMetrics) On(name string) { m.status.WithLabelValues(name).Set(1) }

// Off implements lockd.LeaderMetrics.
func (m *leaderMetrics) Off(name string) { m.status.WithLabelValues(name).Set(0) }

// SlowpathExercised implements lockd.LeaderMetrics.
func (m *leaderMetrics) SlowpathExercised(name string) { m.slow.WithLabelValues(name).Inc() }

// serve serves the metrics at an address until the process ends.
func (m *leaderMetrics) serve(address string) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.status, m.slow)
	server := &http.Server{Addr: address, Handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), ReadHeaderTimeout: 5 * time.Second}
	log.Print("metrics: ", server.ListenAndServe())
}

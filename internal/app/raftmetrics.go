package app

import (
	"fmt"

	metrics "github.com/hashicorp/go-metrics/compat"
	metricsprom "github.com/hashicorp/go-metrics/compat/prometheus"
	"github.com/prometheus/client_golang/prometheus"
)

// RaftMetrics exports Raft's metrics to a registry, with the prefix lockd_raft_. Raft has one metrics sink for the
// whole process, so main must call this once.
func RaftMetrics(r prometheus.Registerer) error {
	sink, err := metricsprom.NewPrometheusSinkFrom(metricsprom.PrometheusOpts{
		Registerer: r,
		Name:       "lockd",
	})
	if err != nil {
		return fmt.Errorf("export Raft's metrics: %w", err)
	}
	cfg := metrics.DefaultConfig("lockd")
	cfg.EnableHostname = false
	cfg.EnableRuntimeMetrics = false
	if _, err := metrics.NewGlobal(cfg, sink); err != nil {
		return fmt.Errorf("export Raft's metrics: %w", err)
	}
	return nil
}

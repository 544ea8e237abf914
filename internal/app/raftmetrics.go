package app

import (
	"fmt"

	metrics "github.com/hashicorp/go-metrics/compat"
	metricsprom "github.com/hashicorp/go-metrics/compat/prometheus"
	"github.com/prometheus/client_golang/prometheus"
)

// RaftMetrics sends what Raft measures to a registry, under lockd_raft_… Raft
// knows only one sink a process, so the process's own main calls this once.
func RaftMetrics(r prometheus.Registerer) error {
	sink, err := metricsprom.NewPrometheusSinkFrom(metricsprom.PrometheusOpts{
		Registerer: r,
		Name:       "lockd",
	})
	if err != nil {
		return fmt.Errorf("the bridge to Raft's metrics: %w", err)
	}
	cfg := metrics.DefaultConfig("lockd")
	cfg.EnableHostname = false
	cfg.EnableRuntimeMetrics = false
	if _, err := metrics.NewGlobal(cfg, sink); err != nil {
		return fmt.Errorf("the bridge to Raft's metrics: %w", err)
	}
	return nil
}

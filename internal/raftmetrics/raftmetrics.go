// Package raftmetrics exports the metrics of hashicorp/raft to Prometheus, under names and in units of lockd.
package raftmetrics

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	metrics "github.com/hashicorp/go-metrics/compat"
	"github.com/prometheus/client_golang/prometheus"
)

// metric is a Prometheus metric, and how a value of Raft changes it.
type metric struct {
	prometheus.Collector
	report func(v float32)
}

// Register exports the metrics of Raft to r. Raft has one sink for the whole process, so main must call this once.
func Register(r prometheus.Registerer) error {
	s := &sink{metrics: table()}
	var registered []prometheus.Collector
	for _, m := range s.metrics {
		if slices.Contains(registered, m.Collector) { // the values of one label have one collector
			continue
		}
		registered = append(registered, m.Collector)
		if err := r.Register(m.Collector); err != nil {
			return fmt.Errorf("export Raft's metrics: %w", err)
		}
	}
	cfg := metrics.DefaultConfig("")
	cfg.EnableHostname = false
	cfg.EnableRuntimeMetrics = false
	if _, err := metrics.NewGlobal(cfg, s); err != nil {
		return errors.Join(errors.New("export Raft's metrics"), err)
	}
	return nil
}

// sink receives what Raft reports. It drops what the table does not have, so the number of series is fixed.
type sink struct{ metrics map[string]metric }

func (s *sink) report(key []string, v float32) {
	if m, ok := s.metrics[strings.Join(key, ".")]; ok {
		m.report(v)
	}
}

func (s *sink) SetGauge(key []string, v float32)    { s.report(key, v) }
func (s *sink) EmitKey(key []string, v float32)     { s.report(key, v) }
func (s *sink) IncrCounter(key []string, v float32) { s.report(key, v) }
func (s *sink) AddSample(key []string, v float32)   { s.report(key, v) }

func (s *sink) SetGaugeWithLabels(key []string, v float32, _ []metrics.Label)    { s.report(key, v) }
func (s *sink) IncrCounterWithLabels(key []string, v float32, _ []metrics.Label) { s.report(key, v) }
func (s *sink) AddSampleWithLabels(key []string, v float32, _ []metrics.Label)   { s.report(key, v) }

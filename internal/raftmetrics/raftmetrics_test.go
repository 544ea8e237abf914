package raftmetrics

import (
	"testing"

	metrics "github.com/hashicorp/go-metrics/compat"
	"github.com/prometheus/client_golang/prometheus"
)

// Raft names peers in keys, and has more metrics with each version. None of them may become a series of its own.
func TestOnlyKnownMetricsAreExportedInSeconds(t *testing.T) {
	r := prometheus.NewRegistry()
	if err := Register(r); err != nil {
		t.Fatal(err)
	}
	before, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	metrics.AddSample([]string{"raft", "commitTime"}, 1500)
	metrics.IncrCounterWithLabels([]string{"raft", "state", "leader"}, 1, []metrics.Label{{Name: "peer_id", Value: "a.1"}})
	metrics.IncrCounter([]string{"raft", "replication", "appendEntries", "logs", "a.1"}, 1)
	after, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != len(before) {
		t.Errorf("%d metrics became %d", len(before), len(after))
	}
	seen := 0
	for _, f := range after {
		for _, m := range f.GetMetric() {
			switch {
			case f.GetName() == "lockd_raft_commit_seconds":
				seen++
				if sum := m.GetHistogram().GetSampleSum(); sum != 1.5 {
					t.Errorf("1,500 ms are %v s", sum)
				}
			case f.GetName() == "lockd_raft_state_changes_total" && m.GetLabel()[0].GetValue() == "leader":
				seen++
				if n := m.GetCounter().GetValue(); n != 1 {
					t.Errorf("one change of state is counted as %v", n)
				}
			}
		}
	}
	if seen != 2 {
		t.Errorf("%d of 2 metrics were found", seen)
	}
}

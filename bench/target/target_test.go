package target

import (
	"strings"
	"testing"

	"github.com/lockd/lockd/bench/report"
)

// measured returns a report of one work, with the same metric of several systems.
func measured(m report.Metric, of map[string]report.Values) *report.Report {
	r := new(report.Report)
	for system, values := range of {
		r.Systems = append(r.Systems, report.Version{Name: system})
		r.Row(report.Key{Work: "work", System: system}).Metrics[m] = values
	}
	return r
}

func lockds(m report.Metric) figure {
	return figure{key: report.Key{Work: "work", System: "lockd"}, metric: m}
}

func judged(r *report.Report, t Target) Verdict {
	v := Verdict{Target: t}
	v.Value, v.Base, v.Measured = t.measure(r)
	return v
}

func TestTheBestPeerIsTheFastestOrTheOneWithTheShortestTime(t *testing.T) {
	r := measured(report.PerSecond, map[string]report.Values{"lockd": {30}, "etcd": {10}, "zookeeper": {20}, "echo": {90}})
	v := judged(r, Target{figure: lockds(report.PerSecond), against: byBestPeer, least: 1.3})
	if v.Value != 1.5 || v.Base != "zookeeper's" || v.Result() != "met" {
		t.Errorf("%s, %s", v.Figure(), v.Result())
	}
	r = measured(report.P50, map[string]report.Values{"lockd": {15}, "etcd": {10}, "zookeeper": {20}, "echo": {1}})
	v = judged(r, Target{figure: lockds(report.P50), against: byBestPeer, most: 1})
	if v.Value != 1.5 || v.Base != "etcd's" || !strings.Contains(v.Result(), "missed") {
		t.Errorf("%s, %s", v.Figure(), v.Result())
	}
}

func TestATargetWithoutAMeasurementIsNotMet(t *testing.T) {
	r := measured(report.P50, map[string]report.Values{"lockd": {1}})
	for _, against := range []base{byBestPeer, bySystem("consul", "Consul's"), byEcho()} {
		if v := judged(r, Target{figure: lockds(report.P50), against: against, most: 2}); v.Measured || v.Result() != "not measured" {
			t.Errorf("%+v", v)
		}
	}
	for _, v := range Judge(new(report.Report)) {
		if v.Result() != "not measured" {
			t.Errorf("%s: %s in an empty report", v.What, v.Result())
		}
	}
}

// TestSharesAreTakenWithinARun: other load that slows both systems in one run does not change their ratio.
func TestSharesAreTakenWithinARun(t *testing.T) {
	r := measured(report.PerSecond, map[string]report.Values{"lockd": {50, 10, 60}, "echo": {100, 20, 100}})
	if v := judged(r, Target{figure: lockds(report.PerSecond), against: byEcho(), least: 0.5}); v.Value != 0.5 || !v.Met() {
		t.Errorf("%s, %s", v.Figure(), v.Result())
	}
}

func TestTheLargestValueCountsIfWorstIsSet(t *testing.T) {
	r := measured(report.Early, map[string]report.Values{"lockd": {0, 0, 1}})
	f := lockds(report.Early)
	if v := judged(r, Target{figure: f}); !v.Met() {
		t.Errorf("median %s, bound %s", v.Figure(), v.Bound())
	}
	f.worst = true
	if v := judged(r, Target{figure: f}); v.Met() {
		t.Errorf("largest value %s, bound %s", v.Figure(), v.Bound())
	}
}

package report_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/lockd/lockd/bench/report"
	"github.com/lockd/lockd/bench/system"
)

var load = report.Key{Work: "work", Clients: 4}

// row returns a row with one cell for each run.
func row(of string, m report.Metric, runs ...float64) *report.Row {
	k := load
	k.System = of
	r := &report.Row{Key: k}
	for run, v := range runs {
		r.Cell(run).Add(m, v)
	}
	return r
}

func TestARatioIsTakenWithinARunToTheBestPeerOfThatRun(t *testing.T) {
	got := row("lockd", report.PerSecond, 30, 10, 60).Compare([]*report.Row{
		row("etcd", report.PerSecond, 10, 20, 50), row("zookeeper", report.PerSecond, 20, 10, 40), {Key: load},
	})
	if want := (report.Values{1.5, 0.5, 1.2}); !slices.Equal(got.Values, want) || got.Other != "etcd" {
		t.Errorf("%+v, want %v", got, want)
	}
}

func TestAShorterTimeIsBetter(t *testing.T) {
	got := row("lockd", report.Outage, 10).Compare([]*report.Row{row("etcd", report.Outage, 5), row("zookeeper", report.Outage, 40)})
	if !slices.Equal(got.Values, report.Values{0.5}) || got.Other != "etcd" {
		t.Errorf("%+v, want 0.5 of etcd", got)
	}
}

// TestARunWithANoisyOrMissingCellHasNoRatio: without its best peer, a ratio would be too good.
func TestARunWithANoisyOrMissingCellHasNoRatio(t *testing.T) {
	own := row("lockd", report.PerSecond, 10, 10, 10, 10)
	own.Cells[0].Noisy = true
	best, other := row("etcd", report.PerSecond, 20, 20, 20, 20), row("zookeeper", report.PerSecond, 5, 5, 5)
	best.Cells[1].Noisy = true
	if got := own.Compare([]*report.Row{best, other}); !slices.Equal(got.Values, report.Values{0.5}) {
		t.Errorf("%+v, want only the third run", got)
	}
}

func TestANoisyCellIsMeasuredAgainTwice(t *testing.T) {
	failed := errors.New("failed")
	for _, c := range []struct {
		foreign []float64
		err     error
		repeats int
		noisy   bool
	}{
		{foreign: []float64{0.2}},
		{foreign: []float64{0.3, 0.1}, repeats: 1},
		{foreign: []float64{0.3, 0.3, 0.1}, repeats: 2},
		{foreign: []float64{0.3, 0.3, 0.3}, repeats: 2, noisy: true},
		{foreign: []float64{0.3}, err: failed, noisy: true},
	} {
		calls := 0
		got, err := report.Repeat(0.2, 2, func() (*report.Cell, error) {
			cell := report.NewCell(0)
			cell.Foreign = c.foreign[calls]
			calls++
			return cell, c.err
		})
		if calls != len(c.foreign) || got.Repeats != c.repeats || got.Noisy != c.noisy || !errors.Is(err, c.err) {
			t.Errorf("%v: %d calls, %+v, %v", c.foreign, calls, got, err)
		}
	}
}

// TestALostRowIsMarked: the comparison shows a lost row as clearly as a won one, and omits the systems that are not
// compared from the ratios.
func TestALostRowIsMarked(t *testing.T) {
	r := &report.Report{Quiet: 0.2, Systems: []report.System{
		{Info: system.Info{Name: "lockd", Role: system.Subject}},
		{Info: system.Info{Name: "lockd-before", Role: system.Before, Of: "lockd"}},
		{Info: system.Info{Name: "lockd-lean", Role: system.Capacity}},
		{Info: system.Info{Name: "etcd", Role: system.Peer}},
		{Info: system.Info{Name: "consul", Role: system.Peer}, Missing: "not installed"},
	}}
	measured := func(work string, of map[string][]float64) {
		for _, s := range r.Systems {
			for run, v := range of[s.Name] {
				r.Row(report.Key{Work: work, System: s.Name, Clients: 4}).Cell(run).Add(report.PerSecond, v)
			}
		}
	}
	measured("won", map[string][]float64{"lockd": {26, 30}, "lockd-before": {13, 10}, "lockd-lean": {90, 90}, "etcd": {20, 20}})
	measured("lost", map[string][]float64{"lockd": {15, 15}, "lockd-lean": {90, 90}, "etcd": {20, 20}})
	measured("level", map[string][]float64{"lockd": {22}, "etcd": {20}})
	r.Row(report.Key{Work: "level", System: "lockd", Clients: 4}).Cell(1).Noisy = true
	got := shown(t, r)
	for _, want := range []string{
		"| work | load | figure | lockd | lockd-before | lockd-lean | etcd | lockd : best peer | lockd : before |",
		"| won | C=4 | per second | 28 | 11.5 | 90 | 20 | **1.40** (1.30–1.50) etcd | **2.50** (2.00–3.00) |",
		"| lost | C=4 | per second | 15 | – | 90 | 20 | ▼ 0.75 (0.75–0.75) etcd | – |",
		"| level | C=4 | per second | 22 ~ | – | – | 20 | 1.10 etcd | – |",
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("%s\nis not in\n%s", want, got)
		}
	}
}

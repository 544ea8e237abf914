package report

import (
	"slices"
	"testing"

	"github.com/lockd/lockd/bench/system"
)

func TestMergeReplacesTheSameWorksOnly(t *testing.T) {
	lockd := system.Info{Name: "lockd", Role: system.Subject}
	of := func(version string, value float64, works ...string) *Report {
		r := &Report{Machine: Machine{CPU: "x", Cores: 2}, Runs: 3, Duration: "1s", Systems: []System{{Info: lockd, Version: version}}}
		for _, w := range works {
			r.Row(Key{Work: w, System: "lockd"}).Cell(0).Add(PerSecond, value)
		}
		return r
	}
	old := of("1", 10, "a", "b")
	if !old.Merge(of("2", 20, "b", "c")) || old.Systems[0].Version != "2" || len(old.Systems) != 1 {
		t.Fatalf("systems %v", old.Systems)
	}
	for work, want := range map[string]float64{"a": 10, "b": 20, "c": 20} {
		if row := old.Find(Key{Work: work, System: "lockd"}); row == nil || !slices.Equal(row.Values(PerSecond), Values{want}) {
			t.Errorf("%s: %+v, want %v", work, row, want)
		}
	}
	other := of("2", 20, "a")
	other.Runs = 1
	if old.Merge(other) || old.Find(Key{Work: "a", System: "lockd"}).Values(PerSecond)[0] != 10 {
		t.Error("figures of one run were merged with figures of three runs")
	}
	absent := of("", 0)
	absent.Systems[0] = System{Info: lockd, Missing: "not installed"}
	if !old.Merge(absent) || old.Systems[0].Version != "2" {
		t.Error("a system that is not installed now has replaced the version of a measured one")
	}
}

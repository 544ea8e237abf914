package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockd/lockd/bench/report"
	"github.com/lockd/lockd/bench/system"
	"github.com/lockd/lockd/bench/work"
)

// binary is lockd, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(built(m))
}

// built builds lockd and runs the tests. It returns the exit code.
func built(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bench-test-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "lockd")
	build := exec.Command("go", "build", "-o", binary, "./cmd/lockd")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building lockd: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// compared runs a comparison. It returns the saved report and the printed table.
func compared(t *testing.T, args ...string) (*report.Report, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "figures.json")
	var out, progress bytes.Buffer
	args = append([]string{"-lockd", binary, "-dir", t.TempDir(), "-json", file}, args...)
	if err := run(t.Context(), args, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	r, err := report.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return r, out.String()
}

func TestEveryLoadOfEveryWorkIsInTheReport(t *testing.T) {
	r, table := compared(t, "-systems", "lockd,lockd-http,lockd-lean,lockd-before", "-baseline", binary, "-duration", "50ms", "-warmup", "0s",
		"-clients", "1,4", "-rate", "50", "-quiet", "99", "-only", "acquire,renew,read")
	for _, w := range work.All() {
		if !wanted(w.Name, "acquire,renew,read") {
			continue
		}
		for _, k := range []report.Key{{Clients: 1}, {Clients: 4}, {Clients: 4, Rate: 50}} {
			for _, info := range []system.Info{{Name: "lockd"}, {Name: "lockd-http"}, {Name: "lockd-lean"}, {Name: "lockd-before", Of: "lockd"}} {
				if !w.With(info) {
					continue
				}
				k.System = info.Name
				k.Work = w.Name
				row := r.Find(k)
				if row == nil {
					t.Errorf("the report has no row %+v", k)
					continue
				}
				if p99 := row.Values(report.P99); row.Errors() > 0 || len(p99) != 1 || p99.Max() <= 0 {
					t.Errorf("%+v: %+v", k, row)
				}
			}
		}
		if !strings.Contains(table, "\n"+w.Name+"\n") {
			t.Errorf("the table has no work %s", w.Name)
		}
	}
}

func TestASystemThatIsNotInstalledIsReported(t *testing.T) {
	r, table := compared(t, "-only", "stale read", "-duration", "10ms", "-warmup", "0s", "-clients", "1",
		"-etcd", "/nowhere/etcd", "-consul", "/nowhere/consul", "-zookeeper", "/nowhere/zk")
	for _, name := range []string{"etcd", "etcd-conns", "consul", "zookeeper"} {
		if !slices.ContainsFunc(r.Systems, func(s report.System) bool { return s.Name == name && s.Missing == missing }) {
			t.Errorf("%s: %+v", name, r.Systems)
		}
		if !strings.Contains(table, name+": not installed") {
			t.Errorf("the table does not report that %s is not installed:\n%s", name, table)
		}
	}
}

// TestAFailureIsReportedAndTheRestIsMeasured: a comparison takes long, so one failure must not end it.
func TestAFailureIsReportedAndTheRestIsMeasured(t *testing.T) {
	file := filepath.Join(t.TempDir(), "figures.json")
	var out, progress bytes.Buffer
	args := []string{"-lockd", "/bin/false", "-baseline", binary, "-systems", "lockd,lockd-before", "-dir", t.TempDir(), "-json", file, "-only", "stale read,cold",
		"-duration", "10ms", "-warmup", "0s", "-clients", "1"}
	if err := run(t.Context(), args, &out, &progress); err == nil || !strings.Contains(err.Error(), "cold start, lockd: ") {
		t.Errorf("a system that does not start: error %v", err)
	}
	r, err := report.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"stale read", "cold start"} {
		if row := r.Find(report.Key{Work: name, System: "lockd"}); row == nil || row.Errors() != 1 || row.Note() == "" {
			t.Errorf("%s: %+v", name, row)
		}
	}
	if row := r.Find(report.Key{Work: "stale read", System: "lockd-before", Clients: 1}); row == nil || len(row.Values(report.PerSecond)) != 1 {
		t.Errorf("the other system was not measured: %+v", row)
	}
}

func TestAWrongCommandLineMeasuresNothing(t *testing.T) {
	for _, args := range [][]string{{"-clients", "0"}, {"-rate", "fast"}, {"more"}, {"-nope"}} {
		var out, usage bytes.Buffer
		if err := run(t.Context(), args, &out, &usage); err == nil || out.Len() > 0 {
			t.Errorf("%q was accepted", args)
		}
	}
}

func TestAComparisonThatIsInterruptedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, usage bytes.Buffer
	args := []string{"-lockd", binary, "-systems", "lockd", "-dir", dir, "-only", "stale read"}
	if err := run(ctx, args, &out, &usage); err == nil {
		t.Error("the comparison continued after the interrupt")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("files left: %v, %v", left, err)
	}
}

func TestEventsOfLeasesAndClustersAreMeasured(t *testing.T) {
	r, _ := compared(t, "-systems", "lockd,lockd-lean", "-duration", "50ms", "-warmup", "0s", "-trials", "1", "-idle", "200ms", "-quiet", "99",
		"-watchers", "3,7", "-leases", "50,1200", "-crowd", "700",
		"-only", "nodes,hand-over,leader killed,leader terminated,holder,cold,watchers,idle,waits,many")
	for _, c := range []struct {
		key    report.Key
		metric report.Metric
		values int
	}{
		{report.Key{Work: "hand-over", Clients: 64}, report.Fairness, 1},
		{report.Key{Work: "hand-over", Clients: 1000}, report.PerSecond, 1},
		{report.Key{Work: "leader killed"}, report.Outage, 1},
		{report.Key{Work: "leader terminated"}, report.Outage, 1},
		{report.Key{Work: "holder dead"}, report.Beyond, 10},
		{report.Key{Work: "cold start"}, report.FirstFresh, 1},
		{report.Key{Work: "cold start"}, report.FirstAgain, 1},
		{report.Key{Work: "watchers", Watchers: 7}, report.LastWatcher, 20},
		{report.Key{Work: "idle cluster", Leases: 1000}, report.NodeCPU, 1},
		{report.Key{Work: "idle cluster", Leases: 1000, Rate: 200}, report.Entries, 1},
		{report.Key{Work: "nodes: renew", Nodes: 1, Clients: 64}, report.PerSecond, 1},
		{report.Key{Work: "nodes: acquire and release", Nodes: 5, Clients: 64}, report.PerSecond, 1},
		{report.Key{Work: "waits and watchers", Crowd: 700}, report.WaitBytes, 1},
		{report.Key{Work: "waits and watchers", Crowd: 700}, report.LastWatcher, 20},
		{report.Key{Work: "waits and watchers: renew others", Clients: 64}, report.P99, 1},
		{report.Key{Work: "waits and watchers: renew others", Clients: 64, Crowd: 700}, report.P99, 1},
		{report.Key{Work: "many leases: list 1000", Leases: 1200}, report.Pages, 1},
		{report.Key{Work: "many leases", Leases: 1200}, report.FirstAgain, 1},
		{report.Key{Work: "many leases", Leases: 50}, report.LeaseBytes, 1},
		{report.Key{Work: "many leases", Leases: 1200}, report.LiveBytes, 1},
		{report.Key{Work: "many leases: renew others", Leases: 1200, Clients: 64}, report.P99, 1},
		{report.Key{Work: "many leases", Leases: 1200}, report.LateMax, 1},
	} {
		row := find(r, c.key)
		if row == nil || row.Errors() > 0 || len(row.Values(c.metric)) != c.values {
			t.Errorf("%+v does not have %d values of %s: %+v", c.key, c.values, c.metric, row)
		}
	}
	if t.Failed() {
		return
	}
	// A lease that ends before its TTL breaks the promise to its holder.
	if least := r.Find(report.Key{Work: "holder dead", System: "lockd"}).Values(report.Beyond).Min(); least < 0 {
		t.Errorf("the next holder got the lease %v ms before the end of the TTL", -least)
	}
	if early := r.Find(report.Key{Work: "many leases", System: "lockd-lean", Leases: 1200}).Values(report.Early).Max(); early > 0 {
		t.Errorf("%v leases ended before their TTL", early)
	}
}

// find returns the row of a key of the Go client, or of lockd-lean.
func find(r *report.Report, k report.Key) *report.Row {
	k.System = "lockd"
	if row := r.Find(k); row != nil {
		return row
	}
	k.System = "lockd-lean"
	return r.Find(k)
}

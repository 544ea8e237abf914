package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockd/lockd/bench/echo"
	"github.com/lockd/lockd/bench/lockd"
	"github.com/lockd/lockd/bench/report"
	"github.com/lockd/lockd/bench/system"
	"github.com/lockd/lockd/bench/work"
)

// binary is lockd, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	if address, ok := echo.ServeAddress(); ok { // the test binary is also the echo server
		fmt.Fprintln(os.Stderr, echo.Serve(address))
		os.Exit(1)
	}
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
	r, table := compared(t, "-systems", "lockd", "-duration", "50ms", "-warmup", "0s", "-clients", "1,4", "-rate", "50",
		"-only", "acquire,renew,read")
	for _, w := range work.All() {
		if !wanted(w.Name, "acquire,renew,read") {
			continue
		}
		for _, k := range []report.Key{{Clients: 1}, {Clients: 4}, {Clients: 4, Rate: 50}} {
			for _, k.System = range []string{"echo", "lockd"} {
				k.Work = w.Name
				row := r.Find(k)
				if row == nil {
					t.Errorf("the report has no row %+v", k)
					continue
				}
				if row.Errors > 0 || len(row.Metrics[report.P99]) != 1 || row.Metrics[report.P99].Max() <= 0 {
					t.Errorf("%+v: %+v", k, row)
				}
				if (len(row.Metrics[report.OfEcho]) == 1) != (k.System != "echo" && k.Rate == 0) {
					t.Errorf("%+v: share of echo is %v", k, row.Metrics[report.OfEcho])
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
	for _, name := range []string{"etcd", "consul", "zookeeper"} {
		if !slices.Contains(r.Systems, report.Version{Name: name, Missing: missing}) {
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
	args := []string{"-lockd", "/bin/false", "-systems", "lockd", "-dir", t.TempDir(), "-json", file, "-only", "stale read,cold",
		"-duration", "10ms", "-warmup", "0s", "-clients", "1"}
	if err := run(t.Context(), args, &out, &progress); err == nil || !strings.Contains(err.Error(), "cold start, lockd: ") {
		t.Errorf("a system that does not start: error %v", err)
	}
	r, err := report.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"stale read", "cold start"} {
		if row := r.Find(report.Key{Work: name, System: "lockd"}); row == nil || row.Errors != 1 || row.Note == "" {
			t.Errorf("%s: %+v", name, row)
		}
	}
	if row := r.Find(report.Key{Work: "stale read", System: "echo", Clients: 1}); row == nil || len(row.Metrics) == 0 {
		t.Errorf("echo was not measured: %+v", row)
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

func TestTheEchosAnswerIsAsLongAsLockds(t *testing.T) {
	node, mirror := lockd.New(binary), echo.New()
	for _, s := range []system.System{node, mirror} {
		c, err := system.Start(t.Context(), s, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Stop() })
	}
	const session = `"session":"0123456789abcdef0123456789abcdef"`
	renewal := "/v1/leases/bench.held.1/renew"
	posted(t, node.Address(0)+"/v1/leases/bench.held.1/acquire", `{"holder":"bench","ttl_ms":60000,`+session+`}`)
	got, want := posted(t, mirror.Address(0)+renewal, "{"+session+"}"), posted(t, node.Address(0)+renewal, "{"+session+"}")
	if d := len(got) - len(want); d < -16 || d > 16 { // the number of digits of tokens and revisions varies
		t.Errorf("echo answers %d bytes\n%s\nlockd answers %d bytes\n%s", len(got), got, len(want), want)
	}
}

// posted posts body to url and returns the body of the answer.
func posted(t *testing.T, url, body string) string {
	t.Helper()
	resp, err := http.Post("http://"+url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode > 299 {
		t.Fatalf("%s: %s %v %s", url, resp.Status, err, raw)
	}
	return string(raw)
}

func TestEventsOfLeasesAndClustersAreMeasured(t *testing.T) {
	r, _ := compared(t, "-systems", "lockd", "-duration", "50ms", "-warmup", "0s", "-trials", "1", "-idle", "200ms",
		"-watchers", "3,7", "-leases", "50,1200", "-crowd", "700",
		"-only", "nodes,hand-over,leader killed,leader terminated,holder,cold,watchers,idle,waits,many")
	for _, c := range []struct {
		key    report.Key
		metric report.Metric
		values int
	}{
		{report.Key{Work: "hand-over", Clients: 64}, report.Fairness, 1},
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
		c.key.System = "lockd"
		row := r.Find(c.key)
		if row == nil || row.Errors > 0 || len(row.Metrics[c.metric]) != c.values {
			t.Errorf("%+v does not have %d values of %s: %+v", c.key, c.values, c.metric, row)
		}
	}
	if t.Failed() {
		return
	}
	// A lease that ends before its TTL breaks the promise to its holder.
	if least := r.Find(report.Key{Work: "holder dead", System: "lockd"}).Metrics[report.Beyond].Min(); least < 0 {
		t.Errorf("the next holder got the lease %v ms before the end of the TTL", -least)
	}
	if early := r.Find(report.Key{Work: "many leases", System: "lockd", Leases: 1200}).Metrics[report.Early].Max(); early > 0 {
		t.Errorf("%v leases ended before their TTL", early)
	}
}

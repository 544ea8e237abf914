package workload_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/test/harness/goals"
	"github.com/lockd/lockd/test/harness/inprocess"
	"github.com/lockd/lockd/test/harness/nodes"
	"github.com/lockd/lockd/test/history/linear"
	"github.com/lockd/lockd/test/history/workload"
)

var (
	operations = flag.Int("ops", 4_000, "approximate number of operations of a run")
	streams    = flag.Int("streams", 200, "number of watchers in the tests of watches")
	seed       = flag.Uint64("seed", 1, "seed of the clients")
)

// limits are the limits of a run. Other tests measure late expiries: this test shares two cores with other programs.
func limits() linear.Options { return linear.Options{Late: 5 * time.Second} }

// snapshots makes nodes take snapshots often, so that a node that was stopped receives one.
func snapshots(c *app.Config) {
	c.SnapshotThreshold, c.SnapshotInterval, c.TrailingLogs = 200, 50*time.Millisecond, 20
}

func clients(c *cluster, way http.RoundTripper) workload.Config {
	begun := time.Now()
	return workload.Config{
		Transport: way, Nodes: c.urls(), Now: func() time.Duration { return time.Since(begun) },
		Seed: *seed, ID: "w", Clients: 150, Watchers: 4, Ops: *operations, Prefix: "job.",
		Names: slices.Concat(workload.Names("job.", 60, 1), workload.Names("job.shared.", 8, 2), workload.LongNames("job.long.", 4)),
	}
}

// judge runs the clients and, meanwhile, the functions in meanwhile, each after its share of the operations. It fails
// the test unless the history is valid.
func judge(t *testing.T, id string, cfg workload.Config, meanwhile ...func()) *linear.Report {
	t.Helper()
	began := time.Now()
	run := workload.New(cfg)
	type result struct {
		h   linear.History
		err error
	}
	ended := make(chan result, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		h, err := run.Run(ctx)
		ended <- result{h, err}
	}()
	for i, happens := range meanwhile {
		from := cfg.Ops * (i + 1) / (len(meanwhile) + 1)
		nodes.Eventually(t, fmt.Sprintf("%d operations are done", from), func() bool { return run.Ops() >= from })
		happens()
	}
	r := <-ended
	if r.err != nil {
		t.Fatal(r.err)
	}
	r.h.Rho = 0.001 // as the guarantee allows
	report := linear.Check(&r.h, limits())
	t.Log(report)
	g := &goals.Goal{
		ID: id, Seed: *seed, Nodes: 3, Ops: report.Acked, Unknown: goals.Share(report.Unknown, report.Ops), Faults: len(meanwhile), Kinds: 3,
		Real: goals.Seconds(time.Since(began)), Violations: len(report.Violations) + len(report.Undecided), Verdict: goals.Passed,
		Figures: map[string]any{"events": report.Events, "streams": report.Streams, "expiries": report.Expiries, "retried": report.Strays},
	}
	if g.Violations > 0 {
		g.Verdict = goals.Failed
	}
	if err := g.Print(); err != nil {
		t.Error(err)
	}
	if err := report.Err(); err != nil {
		dir := filepath.Join(os.TempDir(), "lockd-"+t.Name())
		t.Errorf("%v\nsaved in %s: %v", err, dir, report.Save(dir, limits()))
	}
	return report
}

// failovers returns the failures of a cluster during a run.
func (c *cluster) failovers() []func() {
	var away *inprocess.Node
	return []func(){
		c.handOver,
		func() { away = c.Follower(); away.Stop() },
		c.handOver,
		func() { away.Start(); nodes.Eventually(c.t, "the node is ready", away.Ready) },
		func() { away = c.Leader(); away.Stop() },
		func() { away.Start(); nodes.Eventually(c.t, "the node is ready", away.Ready) },
	}
}

func TestHistoriesDuringFailoversAreValid(t *testing.T) {
	t.Parallel()
	c := start(t, snapshots)
	way := &http.Transport{MaxIdleConnsPerHost: 256}
	t.Cleanup(way.CloseIdleConnections)
	cfg := clients(c, way)
	cfg.Watchers = *streams
	r := judge(t, "G11", cfg, c.failovers()...)
	if r.Expiries < r.Ops/100 || len(r.Kinds()) < 5 {
		t.Errorf("too few faults: %v in %s", r.Kinds(), r)
	}
}

// A retried or repeated operation has its effect once: the session finds its existing hold, with the same token.
func TestLostResponsesAndRepeatedRequestsHaveOneEffect(t *testing.T) {
	t.Parallel()
	c := start(t, snapshots)
	way := newLossy(t, c.urls())
	r := judge(t, "G12", clients(c, way), c.failovers()...)
	t.Logf("lost=%d repeated=%d retried=%d", way.lost.Load(), way.repeated.Load(), r.Strays)
	if min(way.lost.Load(), way.repeated.Load(), int64(r.Strays)) < int64(r.Ops/20) {
		t.Errorf("too few responses were lost or repeated")
	}
}

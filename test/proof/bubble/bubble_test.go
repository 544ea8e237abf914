package bubble

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockd/lockd/test/harness/goals"
	"github.com/lockd/lockd/test/history/linear"
	"github.com/lockd/lockd/test/history/workload"
)

var (
	seed    = flag.Uint64("seed", 1, "seed of the faults and of the clients")
	hours   = flag.Float64("hours", usual(), "hours of simulated time in one run")
	long    = flag.Duration("duration", 0, "repeat with new seeds for this long")
	nodes   = flag.Int("nodes", 3, "how many")
	verbose = flag.String("log", "", "file for the log of the nodes")
)

// usual returns the length of a default run, in hours.
func usual() float64 {
	if raceDetector {
		return 0.04
	}
	return 0.4
}

// scratch returns a directory in memory if there is one. The speed of the disk is not tested, and simulated time does
// not advance during a disk operation.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "lockd-bubble-*")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func logger(t *testing.T) *slog.Logger {
	t.Helper()
	to := io.Discard
	if *verbose != "" {
		f, err := os.Create(*verbose)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		to = f
	}
	return slog.New(slog.NewTextHandler(to, nil))
}

func TestRealClusterKeepsItsGuaranteesForHours(t *testing.T) {
	log := logger(t)
	until := time.Now().Add(*long)
	for first := true; first || time.Now().Before(until) && !t.Failed(); first = false {
		dir, began := scratch(t), time.Now()
		var o outcome
		synctest.Test(t, func(t *testing.T) { o = run(t, dir, log) })
		g := judge(t, o) // outside of the bubble, because the search has a timeout in real time
		g.Real = goals.Seconds(time.Since(began))
		if err := g.Print(); err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
		*seed++
	}
}

// An outcome is the result of a run.
type outcome struct {
	history   linear.History
	made      map[string]int // number of faults, by kind
	terms     uint64
	simulated time.Duration
}

func run(t *testing.T, dir string, log *slog.Logger) outcome {
	origin := time.Now()
	rng := rand.New(rand.NewPCG(*seed, 0))
	var slow atomic.Int64
	c := newCluster(dir, *nodes, func() time.Duration { return time.Duration(slow.Load()) }, log)
	for _, m := range c.members {
		if err := c.start(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := within(30*time.Second, "the cluster is ready", c.serves); err != nil {
		t.Fatal(err)
	}
	way := c.transport()
	clients := workload.New(workload.Config{
		Transport: way, Nodes: c.urls(), Now: func() time.Duration { return time.Since(origin) },
		Seed: *seed, ID: "b", Clients: 24, Watchers: 4, Prefix: "job.", TTL: 3_000,
		Names: slices.Concat(workload.Names("job.", 12, 1), workload.Names("job.shared.", 3, 2), workload.LongNames("job.long.", 2)),
		Pause: 2 * time.Second,
	})
	ctx, stop := context.WithCancel(t.Context())
	type result struct {
		h   linear.History
		err error
	}
	ended := make(chan result, 1)
	go func() {
		h, err := clients.Run(ctx)
		ended <- result{h, err}
	}()
	until := origin.Add(time.Duration(*hours * float64(time.Hour)))
	made, err := c.trouble(rng, 1<<30, func() bool { return time.Now().Before(until) })
	if err != nil {
		t.Error(err)
	}
	stop()
	r := <-ended
	if r.err != nil {
		t.Error(r.err)
	}
	way.CloseIdleConnections()
	if err := within(time.Minute, "the replicas agree", c.agree); err != nil {
		t.Error(err)
	}
	terms := c.members[0].app.Node().Status().Term
	c.close()
	synctest.Wait()
	r.h.Rho = 0 // all nodes share one clock
	return outcome{r.h, made, terms, time.Since(origin)}
}

// lasting returns how long these faults can delay an expiry.
func lasting() linear.Options {
	return linear.Options{Late: 30 * time.Second, MaxLateness: 30 * time.Second}
}

// judge returns the goal of a run.
func judge(t *testing.T, o outcome) *goals.Goal {
	t.Helper()
	report := linear.Check(&o.history, lasting())
	g := goal(report, o.made, o.simulated)
	g.Figures["terms"] = o.terms
	switch err := report.Err(); {
	case err != nil:
		kept := filepath.Join(os.TempDir(), fmt.Sprintf("lockd-bubble-%d", *seed))
		t.Errorf("%v\nsaved in %s: %v", err, kept, report.Save(kept, lasting()))
		g.Verdict = goals.Failed
	case t.Failed():
		g.Verdict = goals.Failed
	case g.Faults == 0 || report.Expiries == 0 || o.terms < 3:
		t.Errorf("the faults had no effect: %v", o.made)
		g.Verdict = goals.Invalid
	}
	t.Log(report)
	return g
}

func goal(r *linear.Report, made map[string]int, simulated time.Duration) *goals.Goal {
	g := &goals.Goal{
		ID: "G2", Seed: *seed, Nodes: *nodes, Ops: r.Acked, Unknown: goals.Share(r.Unknown, r.Ops), Kinds: len(made),
		Simulated: goals.Seconds(simulated), Violations: len(r.Violations) + len(r.Undecided), Verdict: goals.Passed,
		Figures: map[string]any{"expiries": r.Expiries, "events": r.Events, "streams": r.Streams},
	}
	for _, n := range made {
		g.Faults += n
	}
	return g
}

func (c *cluster) serves() error {
	for _, m := range c.members {
		if m.app == nil {
			return fmt.Errorf("%s is not running", m.host)
		}
		if err := m.app.Node().Ready(); err != nil {
			return err
		}
	}
	return nil
}

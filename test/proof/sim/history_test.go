package sim

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/goals"
	"github.com/lockd/lockd/test/history/linear"
)

var (
	judge = flag.String("judge", "7", "judge the history of every Nth seed, or of all")
	keep  = flag.String("keep", "", "directory for the histories that fail; empty: a new directory")
)

// enough is the minimum number of operations of a valid run.
const enough = 120_000

// lasting bounds how late a hold may end in the model: clients give up an operation after 10 s, and a message may be
// 8 s late.
func lasting() linear.Options {
	return linear.Options{Late: 20 * time.Second, MaxLateness: 20 * time.Second}
}

// judged is the sum of the reports.
type judged struct {
	*sum
	histories, ops, strays, expiries  int
	early, violations                 int
	undecided, disagree               int
	lateP50, lateP99, lateMax, checks time.Duration
}

func (j *judged) take(r Report) *linear.Report {
	j.add(r)
	v := linear.Check(&r.History, lasting())
	j.histories++
	j.ops += v.Acked
	j.strays += v.Strays
	j.expiries += v.Expiries
	j.violations += len(v.Violations)
	for _, found := range v.Violations {
		if found.By == linear.ByPromise {
			j.early++
		}
	}
	j.undecided += len(v.Undecided)
	j.disagree += len(v.Disagree)
	j.lateP50, j.lateP99, j.lateMax = max(j.lateP50, v.Lateness.P50), max(j.lateP99, v.Lateness.P99), max(j.lateMax, v.Lateness.Max)
	j.checks += v.Took
	return v
}

func (j *judged) verdict() *goals.Goal {
	g := j.goal("G4")
	g.Ops, g.Violations = j.ops, j.broken+j.violations
	g.Figures = map[string]any{
		"histories": j.histories, "undecided": j.undecided, "disagree": j.disagree, "strays": j.strays,
		"expiries": j.expiries, "early": j.early, "checked_s": goals.Seconds(j.checks),
		"late_p50_ms": j.lateP50.Milliseconds(), "late_p99_ms": j.lateP99.Milliseconds(), "late_max_ms": j.lateMax.Milliseconds(),
	}
	switch {
	case g.Violations+j.undecided+j.disagree > 0:
		g.Verdict = goals.Failed
	case j.ops < enough:
		g.Verdict, g.Why = goals.Invalid, []string{fmt.Sprintf("fewer than %d operations were judged", enough)}
	}
	return g
}

// The histories of clients are judged without the committed entries: by an order that a lock can give, by revisions,
// by promises and by the events of a watch.
func TestSimulatedHistoriesAreValid(t *testing.T) {
	every := 1
	if n, err := strconv.Atoi(*judge); err == nil {
		every = max(n, 1)
	}
	j := &judged{sum: newSum()}
	failures := 0
	play((*runs+every-1)/every, func(i int) Config {
		c := configOf(*seed + uint64(i*every))
		c.History = true
		return c
	}, func(r Report) {
		v := j.take(r)
		err := v.Err()
		if err == nil && r.Broken == "" || failures == 3 {
			return
		}
		failures++
		dir := saved(t, r, v)
		t.Errorf("seed %d: %s\n%v\nsaved in %s\ngo test ./test/proof/sim -count=1 -run '^%s$' -args -judge all -seed %d -nodes %d -runs 1",
			r.Config.Seed, r.Broken, err, dir, t.Name(), r.Config.Seed, r.Config.Nodes)
	})
	if err := j.verdict().Print(); err != nil {
		t.Error(err)
	}
	if j.expiries == 0 || j.strays == 0 {
		t.Errorf("the faults had no effect: %+v", j.Stats)
	}
}

// saved saves the history, the result and the pictures of a failure.
func saved(t *testing.T, r Report, v *linear.Report) string {
	t.Helper()
	dir := *keep
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "lockd-sim-"); err != nil {
			t.Error(err)
		}
	}
	dir = filepath.Join(dir, fmt.Sprintf("seed-%d", r.Config.Seed))
	if err := v.Save(dir, lasting()); err != nil {
		t.Error(err)
	}
	return dir
}

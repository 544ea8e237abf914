package chaos

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/goals"
)

var (
	seed     = flag.Uint64("seed", 1, "seed of the schedule")
	nodes    = flag.Int("nodes", 3, "size of the cluster")
	duration = flag.Duration("duration", 0, "approximate duration of the run; 0: the default dose")
	only     = flag.String("kind", "", "run only this kind of fault, one at a time")
	target   = flag.String("target", "", "with -kind: target of the faults; empty: random")
	times    = flag.Int("times", 50, "with -kind: how often")
	replay   = flag.String("schedule", "", "play the schedule in this file")
	keep     = flag.String("keep", "", "directory for logs and the schedule; empty: they are deleted")
	lockd    = flag.String("lockd", "", "binary under test; empty: it is built")
)

// TestMain is the program of all processes of a run: the outermost one, which creates the sandbox, the first one
// inside, which is the test, and the clients.
func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case roleClient:
		end(serveAssignment(os.Getenv(clientVariable), os.Stdout))
	case roleInside:
		if err := furnish(os.Getenv(workVariable)); err != nil {
			end(err)
		}
		os.Exit(m.Run())
	}
	if os.Geteuid() != 0 {
		os.Exit(m.Run()) // the tests skip
	}
	code, err := enterSandbox()
	switch {
	case errors.Is(err, errNoSandbox):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(m.Run()) // the tests skip
	case err != nil:
		end(err)
	}
	os.Exit(code)
}

func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func TestClusterKeepsItsGuaranteesUnderFaults(t *testing.T) {
	if os.Getenv(roleVariable) != roleInside {
		t.Skip("SKIPPED: real faults need root and namespaces")
	}
	dir := os.Getenv(workVariable)
	w := &world{dir: dir, can: probe(dir), binary: *lockd, say: t.Logf}
	t.Log(w.can)
	if !w.can.has(hasNetns) {
		t.Skip("SKIPPED: this machine has no network namespaces")
	}
	s := plannedSchedule(t, w.can)
	kept := whatIsLeft(t, s)
	defer func() {
		if err := w.keep(kept); err != nil {
			t.Error(err)
		}
	}()
	if err := w.build(s); err != nil {
		t.Fatal(err)
	}
	r, err := w.play(plan{schedule: s, crowds: 3, clients: 64, locks: 100, ttl: time.Second, pause: 10 * time.Millisecond, keep: kept})
	if err != nil {
		t.Error(err)
	}
	if r == nil {
		return
	}
	t.Logf("\n%s", r.table())
	for _, g := range r.goals(wanted(s)) {
		if err := g.Print(); err != nil {
			t.Error(err)
		}
		if g.Verdict == goals.Failed || g.Verdict == goals.Invalid {
			t.Errorf("%s: %s %v", g.ID, g.Verdict, g.Why)
		}
	}
}

// whatIsLeft returns the directory for the schedule, the history, its picture and the logs of the nodes. If no
// directory was given, it is kept only if the test fails.
func whatIsLeft(t *testing.T, s *Schedule) string {
	t.Helper()
	dir := *keep
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "lockd-chaos-*"); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, fmt.Sprintf("schedule-%d.json", s.Seed))
	if err := s.save(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		switch {
		case t.Failed():
			t.Logf("schedule, history and logs are in %s; to play the schedule again: go test ./test/proof/chaos -count=1 -v -args -schedule %s", dir, path)
		case *keep == "":
			os.RemoveAll(dir)
		}
	})
	return dir
}

func plannedSchedule(t *testing.T, can capabilities) *Schedule {
	t.Helper()
	if *replay != "" {
		s, err := loadSchedule(*replay)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	d := defaultDose()
	switch {
	case *only != "":
		k, err := kindNamed(*only)
		if err != nil {
			t.Fatal(err)
		}
		d = oneKind(k, *target, *times, *seed)
	case *duration > 0:
		d = longDose(*duration)
	}
	return generate(*seed, *nodes, d, can)
}

// wanted returns the minimum of a valid run. A run with explicit flags has no minimum.
func wanted(s *Schedule) least {
	faults := 0
	for _, b := range s.Bouts {
		faults += len(b.Steps)
	}
	if *replay != "" || *only != "" || underRace {
		return least{ops: 1000, faults: faults, kinds: 1}
	}
	return least{ops: 20_000, faults: 15, kinds: 8}
}

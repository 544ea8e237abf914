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
	seed     = flag.Uint64("seed", 1, "what the schedule is generated from")
	nodes    = flag.Int("nodes", 3, "the size of the cluster")
	duration = flag.Duration("duration", 0, "how long the run is, about; 0: the default dose")
	only     = flag.String("kind", "", "nothing but this kind of fault, each alone")
	target   = flag.String("target", "", "with -kind: whom it hits; empty: as chance has it")
	times    = flag.Int("times", 50, "with -kind: how often")
	replay   = flag.String("schedule", "", "play this file, and generate nothing")
	keep     = flag.String("keep", "", "the directory for logs and the schedule; empty: none are kept")
	lockd    = flag.String("lockd", "", "the binary under test; empty: it is built")
)

// TestMain is the program of all processes of a run: the outermost, which makes
// the sandbox, the first one inside, which is the test, and those of the clients.
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
		os.Exit(m.Run()) // which skips
	}
	code, err := enterSandbox()
	switch {
	case errors.Is(err, errNoSandbox):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(m.Run()) // which skips
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

func TestWhatClientsSawUnderFaultsKeepsThePromise(t *testing.T) {
	if os.Getenv(roleVariable) != roleInside {
		t.Skip("SKIPPED: faults are real here, and making them needs root and namespaces")
	}
	dir := os.Getenv(workVariable)
	w := &world{dir: dir, can: probe(dir), binary: *lockd, say: t.Logf}
	t.Log(w.can)
	if !w.can.has(hasNetns) {
		t.Skip("SKIPPED: there are no networks to put nodes into")
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

// whatIsLeft returns the directory for the schedule, the history, its picture and
// the nodes' logs. Where nobody named one, it stays only if the test fails.
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
			t.Logf("what is left is in %s; to play it again: go test ./test/proof/chaos -count=1 -v -args -schedule %s", dir, path)
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

// wanted is the least that a run must have come to. One that somebody asked for in
// so many words may be as short as they like.
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

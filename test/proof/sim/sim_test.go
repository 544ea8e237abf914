package sim

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/goals"
)

var (
	seed     = flag.Uint64("seed", 1, "first seed")
	runs     = flag.Int("runs", 80, "number of seeds, an hour of simulated time each")
	duration = flag.Duration("duration", 0, "repeat with new seeds for this long, instead of -runs")
	nodes    = flag.Int("nodes", 0, "number of nodes; 0: three, and five for every third seed")
	only     = flag.String("faults", "", "indexes of the only faults to keep: 3,17 or none")
	traced   = flag.String("trace", "", "log the events of the lease with this name")
)

func TestMain(m *testing.M) {
	flag.Parse()
	debug.SetGCPercent(400) // most allocations are short-lived
	os.Exit(m.Run())
}

// configOf returns the configuration of a seed.
func configOf(seed uint64) Config {
	c := Config{Seed: seed, Nodes: *nodes}
	if c.Nodes == 0 && seed%3 == 0 {
		c.Nodes = 5
	}
	if *only != "" {
		c.Only = []int{}
		for _, n := range strings.Split(*only, ",") {
			if i, err := strconv.Atoi(n); err == nil {
				c.Only = append(c.Only, i)
			}
		}
	}
	if *traced != "" {
		c.Trace, c.Traced = os.Stdout, *traced
	}
	return c
}

// play runs seeds on all processors, and passes each report to each, one at a time.
func play(count int, config func(i int) Config, each func(Report)) {
	var mu sync.Mutex
	var workers sync.WaitGroup
	next, until := 0, time.Now().Add(*duration)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		if *duration > 0 {
			return next - 1, time.Now().Before(until)
		}
		return next - 1, next <= count
	}
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				i, more := take()
				if !more {
					return
				}
				r := Run(config(i))
				mu.Lock()
				each(r)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
}

// sum is the sum of several reports.
type sum struct {
	Stats
	broken int
	kinds  map[string]bool
	began  time.Time
}

func newSum() *sum { return &sum{kinds: make(map[string]bool), began: time.Now()} }

func (s *sum) add(r Report) {
	s.Ops += r.Stats.Ops
	s.Acked += r.Stats.Acked
	s.Unknown += r.Stats.Unknown
	s.Faults += r.Stats.Faults
	s.Elections += r.Stats.Elections
	s.Restarts += r.Stats.Restarts
	s.Installs += r.Stats.Installs
	s.Late += r.Stats.Late
	s.Overloaded += r.Stats.Overloaded
	s.Upgrades += r.Stats.Upgrades
	s.Guarded += r.Stats.Guarded
	s.Revocations += r.Stats.Revocations
	s.AccessRefused += r.Stats.AccessRefused
	s.Foreign += r.Stats.Foreign
	s.Grants += r.Stats.Grants
	s.Expiries += r.Stats.Expiries
	s.Simulated += r.Stats.Simulated
	s.LateMax = max(s.LateMax, r.Stats.LateMax)
	for k := range maps.Keys(r.Stats.Kinds) {
		s.kinds[k] = true
	}
	if r.Broken != "" {
		s.broken++
	}
}

func (s *sum) goal(id string) *goals.Goal {
	g := &goals.Goal{
		ID: id, Seed: *seed, Ops: s.Acked, Unknown: goals.Share(s.Unknown, s.Ops), Faults: s.Faults, Kinds: len(s.kinds),
		Simulated: goals.Seconds(s.Simulated), Real: goals.Seconds(time.Since(s.began)), Violations: s.broken,
		Verdict: goals.Passed,
		Figures: map[string]any{
			"elections": s.Elections, "restarts": s.Restarts, "snapshots_sent": s.Installs, "grants": s.Grants,
			"expiries": s.Expiries, "late_max_ms": s.LateMax.Milliseconds(), "late_copies": s.Late,
			"overloaded": s.Overloaded, "upgrades": s.Upgrades, "guarded": s.Guarded, "revocations": s.Revocations,
			"access_refused": s.AccessRefused, "foreign": s.Foreign,
		},
	}
	if s.broken > 0 {
		g.Verdict = goals.Failed
	}
	return g
}

// times returns the goals of early and late expiries.
func (s *sum) times() []*goals.Goal {
	early, late := s.goal("G6"), s.goal("G7")
	early.Ops, early.Figures = s.Expiries, nil
	late.Ops = s.Expiries
	late.Figures = map[string]any{"late_max_ms": s.LateMax.Milliseconds(), "limit_ms": lateLimit.Milliseconds()}
	return []*goals.Goal{early, late}
}

// explain logs how to replay a broken run with the faults that it needs.
func explain(t *testing.T, r Report) {
	t.Helper()
	needed := Shrink(r.Config)
	again := Run(withOnly(r.Config, needed))
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %s\n", r.Config.Seed, r.Broken)
	fmt.Fprintf(&b, "with only these faults: %s\n", again.Broken)
	for _, f := range again.Faults {
		fmt.Fprintf(&b, "  %v\n", f)
	}
	numbers := strings.Trim(strings.ReplaceAll(fmt.Sprint(needed), " ", ","), "[]")
	if numbers == "" {
		numbers = "none"
	}
	fmt.Fprintf(&b, "go test ./test/proof/sim -count=1 -v -run '^%s$' -args -seed %d -nodes %d -runs 1 -faults %s", t.Name(), r.Config.Seed, r.Config.Nodes, numbers)
	t.Error(b.String())
}

// A node that voted for the leader of one term crashes while it stores its vote of a later term. Meanwhile that
// earlier leader was disconnected. Its repeated vote request must not make it the leader, or entries that were
// committed without it are lost.
func TestHalfWrittenVoteElectsNoNodeWithAShortLog(t *testing.T) {
	for _, termFirst := range []bool{false, true} {
		w := newWorld(Config{Seed: *seed, Length: time.Minute, Only: []int{}, TermFirst: termFirst})
		a, b, v := w.nodes[0], w.nodes[1], w.nodes[2]
		run := func(d time.Duration) { w.run(w.now + d) }
		run(5 * time.Second)
		w.elected(b, []*node{b, v})
		run(2 * time.Second)
		w.elected(a, []*node{a, b})
		run(100 * time.Millisecond)
		w.net.cut[0][1]++
		w.net.cut[1][0]++
		w.net.cut[2][1]++
		w.net.cut[1][2]++
		before := w.truth.revision // b's log lacks the entries committed from now on
		for i := 0; i < 100 && (w.hasAll(b, v) || w.truth.revision == before); i++ {
			run(20 * time.Millisecond)
		}
		if w.hasAll(b, v) || w.truth.revision == before || v.vote.candidate != b.id {
			t.Fatalf("the precondition failed: the last vote was for n%d", v.vote.candidate)
		}
		w.halfVote(Fault{Node: v.id, Other: a.id, For: 20 * time.Millisecond})
		w.net = newNetwork(len(w.nodes))
		run(10 * time.Second)
		if broken := w.truth.broken != ""; broken != termFirst {
			t.Errorf("with the term stored first %v: %q", termFirst, w.truth.broken)
		}
	}
}

func withOnly(c Config, only []int) Config {
	if c.Only = only; only == nil {
		c.Only = []int{}
	}
	return c
}

func TestSimulatedClusterKeepsItsGuarantees(t *testing.T) {
	s := newSum()
	var broken []Report
	play(*runs, func(i int) Config { return configOf(*seed + uint64(i)) }, func(r Report) {
		s.add(r)
		if r.Broken != "" {
			broken = append(broken, r)
		}
	})
	g := s.goal("G1")
	few := *only != "" || s.Faults < 1_000 // too few for the rare kinds
	if s.Expiries == 0 || s.Elections < s.Faults/10 || !few && (s.Unknown == 0 || s.Installs == 0 || s.Late == 0 || s.Overloaded == 0 || s.Upgrades == 0 ||
		s.Revocations == 0 || s.AccessRefused == 0 || s.Foreign == 0) {
		t.Errorf("the faults had no effect: %+v", s.Stats)
		g.Verdict = goals.Invalid
	}
	for _, g := range append(s.times(), g) {
		if err := g.Print(); err != nil {
			t.Error(err)
		}
	}
	for _, r := range broken {
		t.Logf("seed %d: %s", r.Config.Seed, r.Broken) // before the shrinking, which takes a while
	}
	for _, r := range broken[:min(len(broken), 3)] {
		explain(t, r)
	}
}

// If clocks drift by up to a tenth, promises are not checked. Tokens, states and responses are.
func TestTokensIncreaseDespiteClockDrift(t *testing.T) {
	s := newSum()
	play(max(*runs/10, 1), func(i int) Config {
		c := configOf(*seed + 1_000_000 + uint64(i))
		c.Drift = 0.05
		return c
	}, func(r Report) {
		if s.add(r); r.Broken != "" {
			explain(t, r)
		}
	})
	if err := s.goal("G1-clocks").Print(); err != nil {
		t.Error(err)
	}
}

func TestSeedReplaysItsRun(t *testing.T) {
	c := configOf(*seed)
	c.Length = 20 * time.Minute
	first, again := Run(c), Run(c)
	if first.Stats.Digest != again.Stats.Digest || first.Stats.Events != again.Stats.Events {
		t.Errorf("two runs of a seed have digests %x after %d events and %x after %d",
			first.Stats.Digest, first.Stats.Events, again.Stats.Digest, again.Stats.Events)
	}
	c.Seed++
	if other := Run(c); other.Stats.Digest == first.Stats.Digest {
		t.Error("another seed has the same digest")
	}
}

// Shrink removes faults. A run that breaks a rule without faults needs none.
func TestShrinkKeepsTheNeededFaults(t *testing.T) {
	c := configOf(*seed)
	c.Length = 10 * time.Minute
	c.Faults = 30
	all := plan(withDefaults(c))
	wanted := []int{all[3].Number, all[17].Number}
	slices.Sort(wanted)
	kept := shrink(withDefaults(c), func(only []int) bool {
		return slices.Contains(only, wanted[0]) && slices.Contains(only, wanted[1])
	})
	slices.Sort(kept)
	if !slices.Equal(kept, wanted) {
		t.Errorf("kept %v, want %v", kept, wanted)
	}
}

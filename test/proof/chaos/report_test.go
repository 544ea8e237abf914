package chaos

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/goals"
)

// good is a valid run without violations.
func good() *result {
	return &result{
		schedule: &Schedule{Seed: 1, Nodes: 3}, can: capabilities{hasNetns: ""}, ops: 100,
		played:  []played{{Step: Step{Kind: "kill", Target: theLeader}, Alone: true, Gap: time.Second}},
		figures: make(map[string]any),
	}
}

func first(r *result) *goals.Goal { return r.goals(least{ops: 100, faults: 1, kinds: 1})[0] }

func TestOnlyAValidRunPasses(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*result)
		want   goals.Verdict
	}{
		"a valid run":           {func(*result) {}, goals.Passed},
		"a violation":           {func(r *result) { r.violations = []string{"two sessions held it"} }, goals.Failed},
		"too little load":       {func(r *result) { r.ops = 99 }, goals.Invalid},
		"a fault had no effect": {func(r *result) { r.played[0].Err = errors.New("no packet was dropped") }, goals.Invalid},
		"no fault at all":       {func(r *result) { r.played = nil }, goals.Invalid},
		"the run ended early":   {func(r *result) { r.short = []string{"the run ended with bout 1 of 2"} }, goals.Invalid},
		"a violation and no load": {func(r *result) {
			r.ops, r.violations = 0, []string{"two sessions held it"}
		}, goals.Failed},
	} {
		r := good()
		c.change(r)
		if g := first(r); g.Verdict != c.want {
			t.Errorf("%s: %s, want %s", what, g.Verdict, c.want)
		}
	}
}

func TestMissingCapabilityIsSkipped(t *testing.T) {
	r := good()
	r.can[hasFreeze] = "not supported by the kernel"
	i := slices.IndexFunc(r.goals(least{}), func(g *goals.Goal) bool { return g.ID == "G10-hung-disk" })
	g := r.goals(least{})[i]
	if g.Verdict != goals.Skipped || !slices.Contains(g.Skipped, string(hasFreeze)) {
		t.Errorf("%v", g)
	}
}

func TestLongGapFails(t *testing.T) {
	r := good()
	r.played[0].Gap = time.Minute
	i := slices.IndexFunc(r.goals(least{}), func(g *goals.Goal) bool { return g.ID == "G9" })
	if g := r.goals(least{})[i]; g.Verdict != goals.Failed {
		t.Errorf("%v", g)
	}
}

func TestGapIsTheLongestTimeWithoutAWrite(t *testing.T) {
	p := &pulse{beats: []time.Duration{1, 2, 10, 11, 20}}
	for _, c := range []struct{ from, to, want time.Duration }{{3, 9, 8}, {2, 3, 8}, {1, 1, 0}, {12, 19, 9}, {3, 12, 9}} {
		got, err := p.gap(c.from, c.to)
		if c.from == 1 {
			if err == nil {
				t.Error("there is a gap before the first write")
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("from %d to %d: %d %v, want %d", c.from, c.to, got, err, c.want)
		}
	}
	if _, err := p.gap(3, 21); err == nil {
		t.Error("there is a gap that has not ended")
	}
}

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

func TestARunPassesOnlyWhereItSaysSomething(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*result)
		want   goals.Verdict
	}{
		"nothing is wrong":     {func(*result) {}, goals.Passed},
		"a violation":          {func(r *result) { r.violations = []string{"two held it"} }, goals.Failed},
		"too little load":      {func(r *result) { r.ops = 99 }, goals.Invalid},
		"a fault did not bite": {func(r *result) { r.played[0].Err = errors.New("no packet was dropped") }, goals.Invalid},
		"no fault at all":      {func(r *result) { r.played = nil }, goals.Invalid},
		"it ended early":       {func(r *result) { r.short = []string{"it ended with bout 1 of 2"} }, goals.Invalid},
		"a violation and no load": {func(r *result) {
			r.ops, r.violations = 0, []string{"two held it"}
		}, goals.Failed},
	} {
		r := good()
		c.change(r)
		if g := first(r); g.Verdict != c.want {
			t.Errorf("%s: %s, want %s", what, g.Verdict, c.want)
		}
	}
}

func TestWhatCouldNotBeDoneIsSkippedAndNotPassed(t *testing.T) {
	r := good()
	r.can[hasFreeze] = "the kernel cannot"
	i := slices.IndexFunc(r.goals(least{}), func(g *goals.Goal) bool { return g.ID == "G10-hung-disk" })
	g := r.goals(least{})[i]
	if g.Verdict != goals.Skipped || !slices.Contains(g.Skipped, string(hasFreeze)) {
		t.Errorf("%v", g)
	}
}

func TestAGapThatNothingExcusesIsAFailure(t *testing.T) {
	r := good()
	r.played[0].Gap = time.Minute
	i := slices.IndexFunc(r.goals(least{}), func(g *goals.Goal) bool { return g.ID == "G9" })
	if g := r.goals(least{})[i]; g.Verdict != goals.Failed {
		t.Errorf("%v", g)
	}
}

func TestAGapIsTheLongestSilence(t *testing.T) {
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

package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockd/lockd/test/harness/goals"
)

// A result is the result of a run.
type result struct {
	schedule   *Schedule
	can        capabilities
	played     []played
	ops        int // operations with a definite outcome
	unknown    int
	took       time.Duration
	violations []string
	short      []string // missing load or faults
	figures    map[string]any
}

// least is the minimum of a valid run.
type least struct{ ops, faults, kinds int }

// goals returns the lines of the report.
func (r *result) goals(want least) []*goals.Goal {
	all := []*goals.Goal{r.chaos(want)}
	for _, one := range []measure{
		{id: "G8", kind: "power", most: 20 * time.Second},
		{id: "G9", kind: "kill", target: theLeader, most: 15 * time.Second},
		{id: "G9-transfer", kind: "transfer", most: 5 * time.Second},
		{id: "G10-hung-disk", kind: "hung-disk", most: 20 * time.Second},
		{id: "G10-fsync-error", kind: "fsync-error", most: 15 * time.Second},
		{id: "G10-full-disk", kind: "full-disk", most: 15 * time.Second},
	} {
		all = append(all, r.measured(one))
	}
	return all
}

// A measure is a goal for the cost of one kind of fault that happens alone.
type measure struct {
	id, kind, target string        // empty target: any
	most             time.Duration // a gap above this fails, even on a busy machine
}

// missing returns the capabilities that the machine lacks for a kind of fault.
func (r *result) missing(name string) (missing []string) {
	k, err := kindNamed(name)
	if err != nil {
		return nil
	}
	for _, need := range k.needs {
		if !r.can.has(need) {
			missing = append(missing, string(need))
		}
	}
	return missing
}

// chaos returns the line of the whole run.
func (r *result) chaos(want least) *goals.Goal {
	g := r.goal("G3", r.played)
	g.Why = append(g.Why, r.short...)
	for what, pair := range map[string][2]int{
		"operations": {r.ops, want.ops}, "faults": {g.Faults, want.faults}, "kinds of faults": {g.Kinds, want.kinds},
	} {
		if pair[0] < pair[1] {
			g.Why = append(g.Why, fmt.Sprintf("%d %s, want %d", pair[0], what, pair[1]))
		}
	}
	g.Figures = r.figures
	slices.Sort(g.Why)
	judge(g)
	g.Why = append(g.Why, r.violations...)
	return g
}

// measured returns the line of the cost of a kind of fault.
func (r *result) measured(m measure) *goals.Goal {
	var of []played
	var gaps, backs, outs []time.Duration
	for _, p := range r.played {
		if p.Step.Kind != m.kind || m.target != "" && p.Step.Target != m.target {
			continue
		}
		of = append(of, p)
		if p.Alone && p.Err == nil {
			gaps, backs = append(gaps, p.Gap), append(backs, p.Back)
		}
		if p.Out > 0 {
			outs = append(outs, p.Out)
		}
	}
	g := r.goal(m.id, of)
	g.Figures = map[string]any{"alone": len(gaps), "gap_ms": spread(gaps), "after_ms": spread(backs)}
	if outs != nil {
		g.Figures["out_ms"] = spread(outs)
	}
	if g.Faults == 0 && len(g.Why) == 0 {
		g.Verdict, g.Why = goals.Skipped, append(r.missing(m.kind), "no such fault")
		return g
	}
	if len(gaps) > 0 && slices.Max(gaps) > m.most {
		g.Violations++
		g.Why = append(g.Why, fmt.Sprintf("a gap of %v", slices.Max(gaps)))
	}
	judge(g)
	return g
}

// goal counts faults and lists those without an effect.
func (r *result) goal(id string, of []played) *goals.Goal {
	g := &goals.Goal{
		ID: id, Seed: r.schedule.Seed, Nodes: r.schedule.Nodes, Ops: r.ops, Real: goals.Seconds(r.took),
		Unknown: goals.Share(r.unknown, r.ops+r.unknown), Violations: len(r.violations), Skipped: r.can.missing(),
	}
	kinds := make(map[string]bool)
	for _, p := range of {
		if p.Err != nil {
			g.Why = append(g.Why, fmt.Sprintf("%v: %v", p.Step, p.Err))
			continue
		}
		g.Faults++
		kinds[p.Step.Kind] = true
	}
	g.Kinds = len(kinds)
	return g
}

// judge sets the verdict. A violation is a failure even if the run is invalid.
func judge(g *goals.Goal) {
	switch {
	case g.Violations > 0:
		g.Verdict = goals.Failed
	case len(g.Why) > 0:
		g.Verdict = goals.Invalid
	default:
		g.Verdict = goals.Passed
	}
}

// spread returns the median and the maximum, in milliseconds.
func spread(of []time.Duration) map[string]int64 {
	if len(of) == 0 {
		return nil
	}
	slices.Sort(of)
	return map[string]int64{"p50": of[len(of)/2].Milliseconds(), "max": of[len(of)-1].Milliseconds()}
}

// table returns a table with the effect of each kind of fault.
func (r *result) table() string {
	type row struct {
		kind         string
		done, missed int
		gaps         []time.Duration
	}
	rows := make(map[string]*row)
	for _, p := range r.played {
		key := p.Step.Kind + " " + p.Step.Target
		if rows[key] == nil {
			rows[key] = &row{kind: key}
		}
		if p.Err != nil {
			rows[key].missed++
			continue
		}
		rows[key].done++
		rows[key].gaps = append(rows[key].gaps, p.Gap)
	}
	var sorted []*row
	for _, one := range rows {
		sorted = append(sorted, one)
	}
	slices.SortFunc(sorted, func(a, b *row) int { return cmp.Compare(a.kind, b.kind) })
	text := new(strings.Builder)
	fmt.Fprintf(text, "%-26s %5s %9s %10s %10s\n", "fault", "done", "no effect", "gap p50 ms", "gap max ms")
	for _, one := range sorted {
		s := spread(one.gaps)
		fmt.Fprintf(text, "%-26s %5d %9d %10d %10d\n", one.kind, one.done, one.missed, s["p50"], s["max"])
	}
	return text.String()
}

// Package target contains the targets of lockd's figures and compares a report with them. Most targets are ratios to
// other systems on the same machine in the same comparison.
package target

import (
	"fmt"

	"github.com/lockd/lockd/bench/report"
)

// Target bounds one figure of lockd.
type Target struct {
	What string

	figure
	against base
	least   float64 // the lower bound, if it is not zero; otherwise most is the upper bound
	most    float64
	unit    string
}

// figure is the median of a metric's values, or the largest one if worst is set.
type figure struct {
	key    report.Key
	metric report.Metric
	worst  bool
}

// Verdict is the result of a report for one target.
type Verdict struct {
	Target
	Measured bool // the report has the figure and its base
	Value    float64
	Base     string // the name of the base, if there is one
}

// Met reports whether the value is within the bound.
func (v Verdict) Met() bool {
	if v.least > 0 {
		return v.Value >= v.least
	}
	return v.Value <= v.most
}

// Bound returns the bound as text.
func (v Verdict) Bound() string {
	if v.least > 0 {
		return "≥ " + v.in(v.least)
	}
	return "≤ " + v.in(v.most)
}

// Figure returns the value as text.
func (v Verdict) Figure() string {
	if !v.Measured {
		return "–"
	}
	return v.in(v.Value)
}

// Result returns "met", "**missed**" or "not measured".
func (v Verdict) Result() string {
	switch {
	case !v.Measured:
		return "not measured"
	case v.Met():
		return "met"
	}
	return "**missed**"
}

func (v Verdict) in(value float64) string {
	if v.against != nil {
		return report.Short(value) + " × " + v.Base
	}
	return fmt.Sprint(report.Short(value), v.unit)
}

// Judge returns the verdicts of all targets.
func Judge(r *report.Report) (all []Verdict) {
	for _, t := range targets() {
		v := Verdict{Target: t}
		v.Value, v.Base, v.Measured = t.measure(r)
		all = append(all, v)
	}
	return all
}

// measure returns the figure, or its ratio to the base, run by run, and the name of the base. ok is false if the report
// does not have all values.
func (t Target) measure(r *report.Report) (value float64, name string, ok bool) {
	values := of(r, t.key, t.metric)
	if t.against != nil {
		var others report.Values
		if others, name = t.against(r, t); len(others) == 0 || others.Median() == 0 {
			return 0, name, false
		}
		values = share(values, others)
	}
	if len(values) == 0 {
		return 0, name, false
	}
	if t.worst {
		return values.Max(), name, true
	}
	return values.Median(), name, true
}

func of(r *report.Report, k report.Key, m report.Metric) report.Values {
	if row := r.Find(k); row != nil {
		return row.Metrics[m]
	}
	return nil
}

// share divides values by the others of the same run. If their numbers differ, it divides the medians.
func share(values, others report.Values) report.Values {
	if len(values) == 0 {
		return nil
	}
	if len(values) != len(others) {
		return report.Values{values.Median() / others.Median()}
	}
	var all report.Values
	for i, v := range values {
		all = append(all, v/others[i])
	}
	return all
}

// Package target says what lockd's figures should be, mostly as shares of what
// others reach on the same machine in the same comparison, and judges a report.
package target

import (
	"fmt"

	"github.com/lockd/lockd/bench/report"
)

// A Target bounds one figure of lockd.
type Target struct {
	What string

	figure
	against base
	least   float64 // where it is not zero; else most is the bound
	most    float64
	unit    string
}

// A figure is the median of a metric, or the greatest value of it.
type figure struct {
	key    report.Key
	metric report.Metric
	worst  bool
}

// A Verdict is what a report says of a target.
type Verdict struct {
	Target
	Measured bool // the report has the figure, and what it is compared with
	Value    float64
	Base     string // what it is compared with
}

// Met reports whether the bound is kept.
func (v Verdict) Met() bool {
	if v.least > 0 {
		return v.Value >= v.least
	}
	return v.Value <= v.most
}

// Bound is the target in words.
func (v Verdict) Bound() string {
	if v.least > 0 {
		return "≥ " + v.in(v.least)
	}
	return "≤ " + v.in(v.most)
}

// Figure is what was measured, in words.
func (v Verdict) Figure() string {
	if !v.Measured {
		return "–"
	}
	return v.in(v.Value)
}

// Result is met, missed or not measured.
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

// Judge looks at every target.
func Judge(r *report.Report) (all []Verdict) {
	for _, t := range targets() {
		v := Verdict{Target: t}
		v.Value, v.Base, v.Measured = t.measure(r)
		all = append(all, v)
	}
	return all
}

// measure is the figure, or its share of what it is compared with, run by run.
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

// share divides what was measured in the same run; other values have no runs in common.
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

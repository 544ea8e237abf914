package report_test

import (
	"strings"
	"testing"

	"github.com/lockd/lockd/bench/report"
)

// shown returns the report's tables with single spaces between the columns.
func shown(t *testing.T, r *report.Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

func TestACellShowsTheMedianAndTheRange(t *testing.T) {
	r := new(report.Report)
	row := r.Row(report.Key{Work: "work", System: "one", Clients: 4}).Cell(0)
	for _, v := range []float64{30, 10, 20.04} {
		row.Add(report.P50, v)
		row.Add(report.CPU, 7)
	}
	r.Row(report.Key{Work: "work", System: "two"}).Cell(0).Note = "not offered"
	for _, want := range []string{"system load p50 ms server cpu us note", "one C=4 20.0 [10–30] 7 -", "two - - - not offered"} {
		if got := shown(t, r); !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestValuesAreRoundedToSignificantDigits(t *testing.T) {
	row := report.NewCell(0)
	for _, v := range []float64{123456.7, 12.34567, 0.0123456, 0} {
		row.Add(report.P50, v)
	}
	for i, want := range []float64{123457, 12.35, 0.01235, 0} {
		if got := row.Metrics[report.P50][i]; got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

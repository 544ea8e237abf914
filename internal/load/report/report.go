// Package report shows the result of a load on leases.
package report

import (
	"fmt"
	"time"

	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/cells"
	"github.com/lockd/lockd/internal/load"
	"github.com/lockd/lockd/internal/load/leases"
)

// A Report is the result of a load. Latencies are in milliseconds.
type Report struct {
	Work     string  `json:"work"`
	Clients  int     `json:"clients"`
	Rate     int     `json:"rate,omitempty"`
	Done     int64   `json:"done"`
	Seconds  float64 `json:"seconds"`
	Second   float64 `json:"per_second"`
	P50      float64 `json:"p50_ms"`
	P90      float64 `json:"p90_ms"`
	P99      float64 `json:"p99_ms"`
	P999     float64 `json:"p99_9_ms"`
	Max      float64 `json:"max_ms"`
	Errors   int64   `json:"errors"`
	Share    float64 `json:"error_share"`
	FirstErr string  `json:"first_error,omitempty"`
	NotBegun int64   `json:"not_begun"` // due, but no client was free before the end
}

// New returns the report of a result.
func New(o leases.Config, r load.Result) Report {
	millis := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b := Report{
		Work: o.Work, Clients: o.Clients, Rate: o.Rate,
		Done: r.Count, Seconds: r.Took.Seconds(), Second: r.PerSecond(),
		P50: millis(r.P50), P90: millis(r.P90), P99: millis(r.P99), P999: millis(r.P999), Max: millis(r.Max),
		Errors: r.Errors, Share: float64(r.Errors) / float64(r.Count+r.Errors), NotBegun: r.Unstarted,
	}
	if r.FirstErr != nil {
		b.FirstErr = r.FirstErr.Error()
	}
	return b
}

// Table has one row.
func (b Report) Table() *console.Table {
	t := &console.Table{Head: "WORK\tCLIENTS\tDONE\tPER-SECOND\tP50-MS\tP90-MS\tP99-MS\tP99.9-MS\tMAX-MS\tERRORS\tNOT-BEGUN\tFIRST-ERROR"}
	ms := func(v float64) string { return fmt.Sprintf("%.2f", v) }
	t.Add(b.Work, cells.Number(b.Clients), cells.Number(b.Done), fmt.Sprintf("%.0f", b.Second), ms(b.P50), ms(b.P90), ms(b.P99), ms(b.P999), ms(b.Max),
		fmt.Sprintf("%.2f%%", 100*b.Share), cells.Number(b.NotBegun), b.FirstErr)
	return t
}

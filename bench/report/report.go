// Package report keeps the figures of a comparison, and writes them as tables and as JSON.
package report

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/lockd/lockd/bench/system"
)

// Report is the result of a comparison.
type Report struct {
	Machine  Machine  `json:"machine"`
	Runs     int      `json:"runs"`
	Duration string   `json:"duration"` // of each load
	Quiet    float64  `json:"quiet"`    // cores of foreign load above which a cell is noisy
	Systems  []System `json:"systems"`
	Rows     []*Row   `json:"rows"`
}

// System is a measured system and its version, or the reason why it was not measured.
type System struct {
	system.Info
	Version string `json:"version,omitempty"`
	Missing string `json:"missing,omitempty"`
}

// Key identifies a row: the work, the system and the load.
type Key struct {
	Work     string  `json:"work"`
	System   string  `json:"system"`
	Nodes    int     `json:"nodes,omitempty"`  // if the cluster has another size than usual
	Leases   int     `json:"leases,omitempty"` // held leases
	Crowd    int     `json:"crowd,omitempty"`  // open waits, and as many watchers, at one node
	Watchers int     `json:"watchers,omitempty"`
	Clients  int     `json:"clients,omitempty"` // at once
	Rate     float64 `json:"rate,omitempty"`    // of an open loop
}

// Row has the cells of one key, at most one for each run.
type Row struct {
	Key
	Cells []*Cell `json:"cells"`
}

// Cell has the values of one key in one run.
type Cell struct {
	Run      int               `json:"run"`
	Metrics  map[Metric]Values `json:"metrics,omitempty"`
	Foreign  float64           `json:"foreign"`            // cores that other programs used, if Measured
	Measured bool              `json:"measured,omitempty"` // the foreign load was measured
	Repeats  int               `json:"repeats,omitempty"`  // measurements that were thrown away because they were noisy
	Noisy    bool              `json:"noisy,omitempty"`    // Foreign is above Report.Quiet: the cell counts in no ratio
	Errors   int64             `json:"errors,omitempty"`
	Note     string            `json:"note,omitempty"` // an error, or the reason for missing metrics
}

// Values are the measured values of a metric.
type Values []float64

// Min returns the smallest value.
func (v Values) Min() float64 { return slices.Min(v) }

// Max returns the largest value.
func (v Values) Max() float64 { return slices.Max(v) }

// Median returns the middle value, or the mean of the two middle values.
func (v Values) Median() float64 {
	sorted := slices.Sorted(slices.Values(v))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Row returns the row of a key. It adds the row if it does not exist.
func (r *Report) Row(k Key) *Row {
	if row := r.Find(k); row != nil {
		return row
	}
	row := &Row{Key: k}
	r.Rows = append(r.Rows, row)
	return row
}

// Find returns the row of a key, or nil.
func (r *Report) Find(k Key) *Row {
	for _, row := range r.Rows {
		if row.Key == k {
			return row
		}
	}
	return nil
}

// NewCell returns a cell without values.
func NewCell(run int) *Cell { return &Cell{Run: run, Metrics: make(map[Metric]Values)} }

// Cell returns the cell of a run. It adds the cell if it does not exist.
func (r *Row) Cell(run int) *Cell {
	for _, c := range r.Cells {
		if c.Run == run {
			return c
		}
	}
	c := NewCell(run)
	r.Cells = append(r.Cells, c)
	return c
}

// Values returns the values of a metric in all runs.
func (r *Row) Values(m Metric) (all Values) {
	for _, c := range r.Cells {
		all = append(all, c.Metrics[m]...)
	}
	return all
}

// Errors returns the number of failed operations in all runs.
func (r *Row) Errors() (sum int64) {
	for _, c := range r.Cells {
		sum += c.Errors
	}
	return sum
}

// Note returns the last note.
func (r *Row) Note() (last string) {
	for _, c := range r.Cells {
		if c.Note != "" {
			last = c.Note
		}
	}
	return last
}

// Noisy returns the number of noisy cells.
func (r *Row) Noisy() (n int) {
	for _, c := range r.Cells {
		if c.Noisy {
			n++
		}
	}
	return n
}

// Add appends a value to a metric, rounded to four significant digits or to a whole number.
func (c *Cell) Add(m Metric, v float64) {
	const significant = 4
	if v != 0 {
		scale := math.Pow(10, math.Max(0, significant-math.Ceil(math.Log10(math.Abs(v)))))
		v = math.Round(v*scale) / scale
	}
	c.Metrics[m] = append(c.Metrics[m], v)
}

// Fail counts an error and notes the first line of its message.
func (c *Cell) Fail(err error) {
	c.Errors++
	c.Note, _, _ = strings.Cut(err.Error(), "\n")
}

// Save writes the report as JSON.
func (r *Report) Save(path string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}

// Load reads a report that Save wrote.
func Load(path string) (*Report, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(Report)
	return r, json.Unmarshal(raw, r)
}

// Add adds a system, or replaces the system of its name.
func (r *Report) Add(s System) {
	if i := slices.IndexFunc(r.Systems, func(old System) bool { return old.Name == s.Name }); i >= 0 {
		r.Systems[i] = s
		return
	}
	r.Systems = append(r.Systems, s)
}

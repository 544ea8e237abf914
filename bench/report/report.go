// Package report keeps the figures of a comparison, and shows them as a table and
// as JSON.
package report

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
)

// A Report is all that a comparison has found.
type Report struct {
	Machine  Machine   `json:"machine"`
	Runs     int       `json:"runs"`
	Duration string    `json:"duration"` // of each load
	Systems  []Version `json:"systems"`
	Rows     []*Row    `json:"rows"`
}

// A Version is what a system's server said of itself, or why it did not run.
type Version struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Missing string `json:"missing,omitempty"`
}

// A Key tells rows apart: what was done, by whom, under which load.
type Key struct {
	Work     string  `json:"work"`
	System   string  `json:"system"`
	Nodes    int     `json:"nodes,omitempty"`  // of a cluster of another size than the usual
	Leases   int     `json:"leases,omitempty"` // that are held
	Crowd    int     `json:"crowd,omitempty"`  // open waits, and as many watchers, at one node
	Watchers int     `json:"watchers,omitempty"`
	Clients  int     `json:"clients,omitempty"` // at once
	Rate     float64 `json:"rate,omitempty"`    // of an open loop
}

// A Row is what was measured under one key.
type Row struct {
	Key
	Metrics map[Metric]Values `json:"metrics,omitempty"`
	Errors  int64             `json:"errors"`
	Note    string            `json:"note,omitempty"` // why there are no metrics, or an error
}

// Values are one for each run or trial.
type Values []float64

// Min is the least.
func (v Values) Min() float64 { return slices.Min(v) }

// Max is the greatest.
func (v Values) Max() float64 { return slices.Max(v) }

// Median is the one in the middle, or between the two in the middle.
func (v Values) Median() float64 {
	sorted := slices.Sorted(slices.Values(v))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Row returns the row of a key, which is made where there is none.
func (r *Report) Row(k Key) *Row {
	for _, row := range r.Rows {
		if row.Key == k {
			return row
		}
	}
	row := &Row{Key: k, Metrics: make(map[Metric]Values)}
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

// Add appends a value to a metric. Digits that no measurement has are cut.
func (r *Row) Add(m Metric, v float64) {
	const significant = 4
	if v != 0 {
		scale := math.Pow(10, math.Max(0, significant-math.Ceil(math.Log10(math.Abs(v)))))
		v = math.Round(v*scale) / scale
	}
	r.Metrics[m] = append(r.Metrics[m], v)
}

// Fail notes that something could not be measured, at least once.
func (r *Row) Fail(err error) {
	r.Errors++
	r.Note, _, _ = strings.Cut(err.Error(), "\n")
}

// Compare gives each row of a closed loop its share of what another system did in
// the same work, in the same run, with as many clients.
func (r *Report) Compare(with string) {
	for _, row := range r.Rows {
		k := row.Key
		k.System = with
		base := r.Find(k)
		if base == nil || base == row || row.Rate > 0 {
			continue
		}
		others := base.Metrics[PerSecond]
		if len(others) != len(row.Metrics[PerSecond]) {
			continue // a run has failed, and nobody knows which
		}
		row.Metrics[OfEcho] = nil
		for i, v := range row.Metrics[PerSecond] {
			row.Add(OfEcho, v/others[i])
		}
	}
}

// Save writes the report as JSON.
func (r *Report) Save(path string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}

// Load reads what Save wrote.
func Load(path string) (*Report, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(Report)
	return r, json.Unmarshal(raw, r)
}

// A Versioned tells what it is.
type Versioned interface {
	Name() string
	Version(ctx context.Context) (string, error)
}

// Knows notes a system's version, once.
func (r *Report) Knows(ctx context.Context, s Versioned) error {
	for _, v := range r.Systems {
		if v.Name == s.Name() {
			return nil
		}
	}
	version, err := s.Version(ctx)
	r.Systems = append(r.Systems, Version{Name: s.Name(), Version: version})
	return err
}

// Package report keeps the figures of a comparison, and writes them as tables and as JSON.
package report

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
)

// Report is the result of a comparison.
type Report struct {
	Machine  Machine   `json:"machine"`
	Runs     int       `json:"runs"`
	Duration string    `json:"duration"` // of each load
	Systems  []Version `json:"systems"`
	Rows     []*Row    `json:"rows"`
}

// Version is the version that a system reported, or the reason why it did not run.
type Version struct {
	Name    string `json:"name"`
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

// Row has the measured values of one key.
type Row struct {
	Key
	Metrics map[Metric]Values `json:"metrics,omitempty"`
	Errors  int64             `json:"errors"`
	Note    string            `json:"note,omitempty"` // an error, or the reason for missing metrics
}

// Values has one value per run or trial.
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

// Add appends a value to a metric, rounded to four significant digits or to a whole number.
func (r *Row) Add(m Metric, v float64) {
	const significant = 4
	if v != 0 {
		scale := math.Pow(10, math.Max(0, significant-math.Ceil(math.Log10(math.Abs(v)))))
		v = math.Round(v*scale) / scale
	}
	r.Metrics[m] = append(r.Metrics[m], v)
}

// Fail counts an error and notes the first line of its message.
func (r *Row) Fail(err error) {
	r.Errors++
	r.Note, _, _ = strings.Cut(err.Error(), "\n")
}

// Compare sets OfEcho in each row of a closed loop: its operations per second as a share of those of the system with,
// in the same work and run and with as many clients.
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
			continue // a run has failed, and it is not known which one
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

// Load reads a report that Save wrote.
func Load(path string) (*Report, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(Report)
	return r, json.Unmarshal(raw, r)
}

// Versioned is a system that has a version.
type Versioned interface {
	Name() string
	Version(ctx context.Context) (string, error)
}

// AddVersion adds a system's version, unless the report has it.
func (r *Report) AddVersion(ctx context.Context, s Versioned) error {
	for _, v := range r.Systems {
		if v.Name == s.Name() {
			return nil
		}
	}
	version, err := s.Version(ctx)
	r.Systems = append(r.Systems, Version{Name: s.Name(), Version: version})
	return err
}

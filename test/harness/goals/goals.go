// Package goals prints the result of each goal of the long-running test suites as one line of JSON.
package goals

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// A Verdict is the result of a goal.
type Verdict string

// The verdicts. A run is invalid, and not passed, if its faults had no effect or its load was too small.
const (
	Passed  Verdict = "pass"
	Failed  Verdict = "fail"
	Invalid Verdict = "invalid"
	Skipped Verdict = "skipped"
)

// A Goal is one line of results. Times are in seconds.
type Goal struct {
	ID         string         `json:"goal"`
	Seed       uint64         `json:"seed"`
	Nodes      int            `json:"nodes,omitempty"`
	Ops        int            `json:"ops"`           // operations with a definite outcome
	Unknown    float64        `json:"unknown_share"` // share of operations with an unknown outcome
	Faults     int            `json:"faults"`
	Kinds      int            `json:"kinds"` // number of kinds of faults
	Simulated  float64        `json:"simulated_s,omitempty"`
	Real       float64        `json:"real_s"`
	Violations int            `json:"violations"`
	Skipped    []string       `json:"skipped,omitempty"` // what this machine does not support
	Figures    map[string]any `json:"figures,omitempty"`
	Verdict    Verdict        `json:"verdict"`
	Why        []string       `json:"why,omitempty"`
}

func (g *Goal) String() string {
	raw, err := json.Marshal(g)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// Variable is the environment variable that names a file. Each line is also appended to that file, because go test
// prints the output of passing tests only with -v.
const Variable = "GOALS_FILE"

// Print prints the line, and appends it to the file that Variable names.
func (g *Goal) Print() error {
	fmt.Fprintln(os.Stdout, g)
	path := os.Getenv(Variable)
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, g)
	return errors.Join(err, f.Close())
}

// Share returns part divided by whole, or 0 if whole is 0.
func Share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// Seconds returns d in seconds, rounded to the millisecond.
func Seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

// Package goals prints what the suites that try to break lockd's promise came to:
// one line of JSON for each goal, for machines as for people.
package goals

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// A Verdict is what a goal came to.
type Verdict string

// The verdicts. A run whose faults did not bite, or whose load was not there,
// says nothing, and is no pass.
const (
	Passed  Verdict = "pass"
	Failed  Verdict = "fail"
	Invalid Verdict = "invalid"
	Skipped Verdict = "skipped"
)

// A Goal is one line. Times are in seconds.
type Goal struct {
	ID         string         `json:"goal"`
	Seed       uint64         `json:"seed"`
	Nodes      int            `json:"nodes,omitempty"`
	Ops        int            `json:"ops"`           // with a definite outcome
	Unknown    float64        `json:"unknown_share"` // of all that were begun
	Faults     int            `json:"faults"`
	Kinds      int            `json:"kinds"` // of faults
	Simulated  float64        `json:"simulated_s,omitempty"`
	Real       float64        `json:"real_s"`
	Violations int            `json:"violations"`
	Skipped    []string       `json:"skipped,omitempty"` // what the machine cannot do
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

// Variable names a file to which every line is added, too: go test shows what
// passing tests print only to who asks for it.
const Variable = "GOALS_FILE"

// Tell prints the line.
func (g *Goal) Tell() error {
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

// Share returns the share of a part in a whole, 0 of nothing.
func Share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// Seconds returns a duration in seconds, to the millisecond.
func Seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

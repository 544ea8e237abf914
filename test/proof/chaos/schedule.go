package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// A Schedule lists the faults of a run, in order. It contains all random choices: runs of the same schedule inject
// the same faults, at about the same times.
type Schedule struct {
	Seed  uint64 `json:"seed"`
	Nodes int    `json:"nodes"`
	Bouts []Bout `json:"bouts"`
}

// A Bout is quiet time followed by faults that may overlap. The next bout starts when all faults have ended and every
// node is ready.
type Bout struct {
	QuietMS int    `json:"quiet_ms"`
	Steps   []Step `json:"steps"`
}

// A Step is one fault.
type Step struct {
	Kind    string `json:"kind"`
	Target  string `json:"target"`
	AfterMS int    `json:"after_ms,omitempty"` // since the first fault of the bout
	ForMS   int    `json:"for_ms,omitempty"`
	Amount  int    `json:"amount,omitempty"`
}

func (b Bout) quiet() time.Duration { return milliseconds(b.QuietMS) }
func (s Step) after() time.Duration { return milliseconds(s.AfterMS) }
func (s Step) lasts() time.Duration { return milliseconds(s.ForMS) }

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func (s Step) String() string {
	text := s.Kind + " of " + s.Target
	if s.Amount != 0 {
		text += fmt.Sprintf(" by %d", s.Amount)
	}
	if s.ForMS != 0 {
		text += fmt.Sprintf(" for %v", s.lasts())
	}
	return text
}

func (s *Schedule) save(path string) error {
	raw, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o600)
}

func loadSchedule(path string) (*Schedule, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := new(Schedule)
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, b := range s.Bouts {
		for _, step := range b.Steps {
			if _, err := kindNamed(step.Kind); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	return s, nil
}

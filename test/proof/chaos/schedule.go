package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// A Schedule says what goes wrong, in which order. It is the whole of a run's
// chance: a run of the same schedule does the same things, though not in the same
// microsecond.
type Schedule struct {
	Seed  uint64 `json:"seed"`
	Nodes int    `json:"nodes"`
	Bouts []Bout `json:"bouts"`
}

// A Bout is some quiet, and then faults that overlap. The next one begins when all
// of its faults are healed and every node serves.
type Bout struct {
	QuietMS int    `json:"quiet_ms"`
	Steps   []Step `json:"steps"`
}

// A Step is one fault.
type Step struct {
	Kind    string `json:"kind"`
	Target  string `json:"target"`
	AfterMS int    `json:"after_ms,omitempty"` // since the bout's first fault
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

// Package loglevel has the level of a log, which can be changed while the process runs, also for a limited time.
package loglevel

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Names are the levels that users choose from.
var Names = []string{"debug", "info", "warn", "error"}

// Parse returns the level with a name.
func Parse(name string) (slog.Level, error) {
	i := slices.Index(Names, name)
	if i < 0 {
		return 0, fmt.Errorf("%q is not a log level; want one of %s", name, strings.Join(Names, ", "))
	}
	return []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}[i], nil
}

// Name returns the name of a level.
func Name(l slog.Level) string { return strings.ToLower(l.String()) }

// A Level is the lowest level that a log writes. It is a slog.Leveler. The zero value is info.
type Level struct{ current atomic.Pointer[State] }

// State is a level, and when it ends.
type State struct {
	Level slog.Level
	Until time.Time  // zero: until it is changed
	Then  slog.Level // the level after that
}

// New returns a Level.
func New(l slog.Level) *Level {
	v := &Level{}
	v.current.Store(&State{Level: l, Then: l})
	return v
}

// Level returns the level at this time.
func (v *Level) Level() slog.Level { return v.State().Level }

// State returns the level at this time, and when it ends.
func (v *Level) State() State {
	s := v.current.Load()
	if s == nil {
		return State{}
	}
	if !s.Until.IsZero() && !time.Now().Before(s.Until) {
		return State{Level: s.Then, Then: s.Then}
	}
	return *s
}

// Set changes the level. With a duration above 0 the change ends after it, and the last level that was set without a
// duration is valid again.
func (v *Level) Set(l slog.Level, duration time.Duration) {
	next := &State{Level: l, Then: l}
	if duration > 0 {
		next.Until, next.Then = time.Now().Add(duration), v.State().Then
	}
	v.current.Store(next)
}

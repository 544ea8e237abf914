package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// warningDelay is how long a command must go on after a warning for it to be printed:
// one that ends at once prints an error that says the same.
const warningDelay = 300 * time.Millisecond

// warnings is a slog.Handler that prints the client's warnings as lockd prints errors.
type warnings struct {
	to    io.Writer
	about string // "": nothing
	delay time.Duration

	// mu guards the rest, and that nothing is printed after stop.
	mu      sync.Mutex
	pending []*time.Timer
	stopped bool
}

func (w *warnings) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle prints a record's message and attributes in one line.
func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	line := strings.TrimPrefix(r.Message, "lockd: ")
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf("; %s: %v", a.Key, a.Value)
		return true
	})
	line = fmt.Sprintf("lockd: %swarning: %s; trying on\n", w.about, plainText(line))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = append(w.pending, time.AfterFunc(w.delay, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.stopped {
			fmt.Fprint(w.to, line)
		}
	}))
	return nil
}

// WithAttrs and WithGroup are not used by the client.
func (w *warnings) WithAttrs([]slog.Attr) slog.Handler { return w }

// WithGroup returns the handler itself.
func (w *warnings) WithGroup(string) slog.Handler { return w }

// stop drops what was not printed yet.
func (w *warnings) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	for _, t := range w.pending {
		t.Stop()
	}
}

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

// warningDelay is how long a command must continue after a warning for the warning to be printed. A
// command that ends at once prints an error with the same content.
const warningDelay = 300 * time.Millisecond

// warnings is a slog.Handler that prints the warnings of the client in the form of lockd's errors.
type warnings struct {
	to    io.Writer
	about string // prefix of the text; "": none
	delay time.Duration

	// mu guards the fields below. Nothing is printed after stop.
	mu      sync.Mutex
	pending []*time.Timer
	stopped bool
}

func (w *warnings) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle prints the message and the attributes of a record in one line.
func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	line := strings.TrimPrefix(r.Message, "lockd: ")
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf("; %s: %v", a.Key, a.Value)
		return true
	})
	line = fmt.Sprintf("lockd: %swarning: %s; retrying\n", w.about, plainText(line))
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

// stop drops the warnings that are not printed yet.
func (w *warnings) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	for _, t := range w.pending {
		t.Stop()
	}
}

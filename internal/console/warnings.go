package console

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Warnings is a slog.Handler that prints the warnings of the client in the form of lockd's errors.
type Warnings struct {
	To    io.Writer
	About string        // prefix of the text; "": none
	Delay time.Duration // until a warning is printed
	Style Style

	// mu guards the fields below. Nothing is printed after Stop.
	mu      sync.Mutex
	pending []*time.Timer
	stopped bool
}

// Enabled selects warnings and errors.
func (w *Warnings) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle prints the message and the attributes of a record in one line.
func (w *Warnings) Handle(_ context.Context, r slog.Record) error {
	line := strings.TrimPrefix(r.Message, "lockd: ")
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf("; %s: %v", a.Key, a.Value)
		return true
	})
	line = fmt.Sprintf("lockd: %s%s %s; retrying\n", w.About, w.Style.Paint(Yellow, "warning:"), Plain(line))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = append(w.pending, time.AfterFunc(w.Delay, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.stopped {
			fmt.Fprint(w.To, line)
		}
	}))
	return nil
}

// WithAttrs and WithGroup are not used by the client.
func (w *Warnings) WithAttrs([]slog.Attr) slog.Handler { return w }

// WithGroup returns the handler itself.
func (w *Warnings) WithGroup(string) slog.Handler { return w }

// Stop drops the warnings that are not printed yet.
func (w *Warnings) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	for _, t := range w.pending {
		t.Stop()
	}
}

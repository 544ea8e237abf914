package console

import (
	"io"
	"log/slog"
	"os"

	"github.com/mattn/go-isatty"
)

// NewLogger returns a log, and the queue through which it is written. The format is text, json, or auto: text on a
// terminal.
func NewLogger(w io.Writer, level, format string) (*slog.Logger, *Queue, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, nil, err
	}
	text := format == "text" || format == "auto" && IsTerminal(w)
	to := func(w io.Writer) *slog.Logger {
		options := &slog.HandlerOptions{Level: l}
		if text {
			return slog.New(slog.NewTextHandler(w, options))
		}
		return slog.New(slog.NewJSONHandler(w, options))
	}
	q := NewQueue(w, func(w io.Writer, dropped uint64) {
		to(w).Warn("log lines were dropped: they were not read in time", "lines", dropped)
	})
	return to(q), q, nil
}

// IsTerminal reports whether a reader or writer is a terminal.
func IsTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

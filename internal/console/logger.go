package console

import (
	"io"
	"log/slog"
	"os"

	"github.com/mattn/go-isatty"
)

// LogConfig configures a log.
type LogConfig struct {
	To     io.Writer
	Level  slog.Leveler
	Format string // text, json, or auto: text on a terminal
}

// NewLogger returns a log, and the queue through which it is written. Its text is for people, and has colors on a
// terminal that allows them.
func NewLogger(cfg LogConfig) (*slog.Logger, *Queue) {
	style := NewStyle(cfg.To)
	text := cfg.Format == "text" || cfg.Format == "auto" && IsTerminal(cfg.To)
	to := func(w io.Writer) *slog.Logger {
		if text {
			return slog.New(newTextHandler(w, cfg.Level, style))
		}
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: cfg.Level}))
	}
	q := NewQueue(cfg.To, func(w io.Writer, dropped uint64) {
		to(w).Warn("log lines were dropped: they were not read in time", "lines", dropped)
	})
	return to(q), q
}

// IsTerminal reports whether a reader or writer is a terminal.
func IsTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

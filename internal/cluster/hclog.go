package cluster

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// bridge lets Raft log to slog.
type bridge struct {
	hclog.Logger // for the few methods that nobody calls
	log          *slog.Logger
	name         string
	args         []any
}

func hclogger(l *slog.Logger) hclog.Logger {
	return &bridge{Logger: hclog.NewNullLogger(), log: l, name: "raft"}
}

func (b *bridge) Log(level hclog.Level, msg string, args ...any) {
	var at slog.Level
	switch level {
	case hclog.Error:
		at = slog.LevelError
	case hclog.Warn:
		at = slog.LevelWarn
	case hclog.Info:
		at = slog.LevelInfo
	default:
		at = slog.LevelDebug
	}
	b.log.Log(context.Background(), at, b.name+": "+msg, append(b.args[:len(b.args):len(b.args)], plain(args)...)...)
}

// plain renders what slog would print as a struct.
func plain(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case hclog.Format:
			out[i] = fmt.Sprintf(v[0].(string), v[1:]...)
		case fmt.Stringer:
			out[i] = v.String()
		default:
			out[i] = a
		}
	}
	return out
}

func (b *bridge) Trace(msg string, args ...any) { b.Log(hclog.Trace, msg, args...) }
func (b *bridge) Debug(msg string, args ...any) { b.Log(hclog.Debug, msg, args...) }
func (b *bridge) Info(msg string, args ...any)  { b.Log(hclog.Info, msg, args...) }
func (b *bridge) Warn(msg string, args ...any)  { b.Log(hclog.Warn, msg, args...) }
func (b *bridge) Error(msg string, args ...any) { b.Log(hclog.Error, msg, args...) }

func (b *bridge) With(args ...any) hclog.Logger {
	return &bridge{Logger: b.Logger, log: b.log, name: b.name, args: append(b.args[:len(b.args):len(b.args)], args...)}
}

func (b *bridge) Named(name string) hclog.Logger {
	return &bridge{Logger: b.Logger, log: b.log, name: b.name + "." + name, args: b.args}
}

func (b *bridge) ResetNamed(name string) hclog.Logger { return b.Named(name) }

func (b *bridge) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return slog.NewLogLogger(b.log.Handler(), slog.LevelInfo)
}

// hclogWriter is where parts of Raft that know no logger write to.
func hclogWriter(l *slog.Logger) io.Writer { return hclogger(l).StandardWriter(nil) }

func (b *bridge) StandardWriter(*hclog.StandardLoggerOptions) io.Writer {
	return b.StandardLogger(nil).Writer()
}

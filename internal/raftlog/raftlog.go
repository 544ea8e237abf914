// Package raftlog passes the log lines of hashicorp/raft to slog, without repetition.
package raftlog

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// bridge lets Raft log to slog.
type bridge struct {
	hclog.Logger // for the few methods that Raft does not call
	log          *slog.Logger
	name         string
	args         []any
	dedup        *dedup
}

// New returns a logger for Raft that writes to l.
func New(l *slog.Logger) hclog.Logger {
	return &bridge{Logger: hclog.NewNullLogger(), log: l, name: "raft", dedup: &dedup{last: make(map[string]lastLogged)}}
}

// dedup drops repeated warnings. Raft logs four a second while a peer is down: each
// warning is written once in repeatPause, with the number of those that were dropped.
type dedup struct {
	// mu guards last, whose keys are messages and peers: a few dozen.
	mu   sync.Mutex
	last map[string]lastLogged
}

type lastLogged struct {
	at      time.Time
	skipped int
}

const (
	repeatPause   = 10 * time.Second
	maxRemembered = 1_000
)

// allow reports whether a message is to be logged now, and how often it was dropped.
func (d *dedup) allow(key string) (ok bool, skipped int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	u, known := d.last[key]
	if known && time.Since(u.at) < repeatPause {
		u.skipped++
		d.last[key] = u
		return false, 0
	}
	if len(d.last) >= maxRemembered {
		clear(d.last)
	}
	d.last[key] = lastLogged{at: time.Now()}
	return true, u.skipped
}

func (b *bridge) Log(level hclog.Level, msg string, args ...any) {
	at, text := translate(level, msg)
	if text == "" {
		text = b.name + ": " + msg
	}
	attrs := append(b.args[:len(b.args):len(b.args)], plain(args)...)
	if at >= slog.LevelWarn || once(msg) {
		key := msg
		if len(attrs) > 1 {
			key = fmt.Sprint(msg, attrs[1])
		}
		ok, skipped := b.dedup.allow(key)
		if !ok {
			return
		}
		if skipped > 0 {
			attrs = append(attrs, "repeated", skipped)
		}
	}
	b.log.Log(context.Background(), at, text, attrs...)
}

// plain renders the values that slog would print as structs, and leaves out pairs with an empty text.
func plain(args []any) []any {
	out := make([]any, 0, len(args))
	for i := 0; i+1 < len(args); i += 2 {
		if v := plainValue(args[i+1]); fmt.Sprint(v) != "" {
			out = append(out, args[i], v)
		}
	}
	return out
}

func plainValue(a any) any {
	switch v := a.(type) {
	case hclog.Format:
		return fmt.Sprintf(v[0].(string), v[1:]...)
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	}
	if v := reflect.ValueOf(a); v.Kind() == reflect.Struct {
		if id := v.FieldByName("ID"); id.Kind() == reflect.String { // a server of Raft
			return id.String()
		}
	}
	return a
}

func (b *bridge) Trace(msg string, args ...any) { b.Log(hclog.Trace, msg, args...) }
func (b *bridge) Debug(msg string, args ...any) { b.Log(hclog.Debug, msg, args...) }
func (b *bridge) Info(msg string, args ...any)  { b.Log(hclog.Info, msg, args...) }
func (b *bridge) Warn(msg string, args ...any)  { b.Log(hclog.Warn, msg, args...) }
func (b *bridge) Error(msg string, args ...any) { b.Log(hclog.Error, msg, args...) }

func (b *bridge) With(args ...any) hclog.Logger {
	return &bridge{Logger: b.Logger, log: b.log, dedup: b.dedup, name: b.name, args: append(b.args[:len(b.args):len(b.args)], args...)}
}

func (b *bridge) Named(name string) hclog.Logger {
	return &bridge{Logger: b.Logger, log: b.log, dedup: b.dedup, name: b.name + "." + name, args: b.args}
}

func (b *bridge) ResetNamed(name string) hclog.Logger { return b.Named(name) }

func (b *bridge) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return slog.NewLogLogger(b.log.Handler(), slog.LevelInfo)
}

func (b *bridge) StandardWriter(*hclog.StandardLoggerOptions) io.Writer {
	return b.StandardLogger(nil).Writer()
}

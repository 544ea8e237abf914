// Package raftlog passes the log lines of hashicorp/raft to slog, without repetition.
package raftlog

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
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
	once := at >= slog.LevelWarn
	switch {
	case expected(msg):
		at = min(at, slog.LevelDebug)
	case routine(msg):
		at, once = min(at, slog.LevelInfo), true
	}
	attrs := append(b.args[:len(b.args):len(b.args)], plain(args)...)
	if once && at > slog.LevelDebug {
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
	b.log.Log(context.Background(), at, b.name+": "+msg, attrs...)
}

// expected reports whether Raft calls an error what every ordinary stop and
// hand-over brings with it.
func expected(msg string) bool {
	switch msg {
	case "failed to decode incoming command", "failed to flush response", "peer has newer term, stopping replication":
		return true
	}
	return false
}

// routine reports whether Raft logs a message at each start of a cluster and in each
// election. A node that gets no votes logs it several times a second.
func routine(msg string) bool {
	switch msg {
	case "heartbeat timeout reached, starting election",
		"heartbeat timeout reached, not part of a stable configuration or a non-voter, not triggering a leader election",
		"not part of stable configuration, aborting election",
		"no known peers, aborting election",
		"Election timeout reached, restarting election",
		"entering candidate state",
		"pre-vote campaign failed, waiting for election timeout",
		"pre-vote successful, starting election",
		"rejecting pre-vote request since we have a leader",
		"rejecting vote request since we have a leader",
		"appendEntries rejected, sending older logs",
		"failed to get previous log",
		"previous log term mis-match":
		return true
	}
	return false
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

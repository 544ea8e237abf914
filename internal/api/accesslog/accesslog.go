// Package accesslog writes a line to the log for each request, at a level that depends on the setting.
package accesslog

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// A Mode selects the requests that have a line at info level. All others have one at debug level.
type Mode string

// The modes. A renewal is no write for them: a cluster may serve tens of thousands a second.
const (
	Off    Mode = "off"    // no lines at all
	Errors Mode = "errors" // answers with a status of 500 and above
	Writes Mode = "writes" // these, and all writes except renewals
	All    Mode = "all"    // every request
)

// MaxRate is how many lines are written in a second. The next line has the number of those that were skipped.
const MaxRate = 500

// Request is what a line shows. It must not have a session or a token.
type Request struct {
	Method, Route string
	Action        string   // what the request does, as in the audit log; "": unknown
	Leases        []string // the leases that it names
	Principal     string   // "": none
	From          string   // the address of the client
	Status        int
	Took          time.Duration
	ID            string // of the request
	TraceID       string // of the trace that it is part of; "": none
}

// A Log writes the lines.
type Log struct {
	to      *slog.Logger
	mode    Mode
	limit   *rate.Limiter
	skipped atomic.Int64
}

// New returns a log that writes to l. The zero Mode is Writes.
func New(l *slog.Logger, mode Mode) *Log {
	if mode == "" {
		mode = Writes
	}
	return &Log{to: l, mode: mode, limit: rate.NewLimiter(MaxRate, MaxRate)}
}

// Write writes the line of a request, if its level is enabled.
func (l *Log) Write(ctx context.Context, r *Request) {
	level := l.level(r)
	if l.mode == Off || !l.to.Enabled(ctx, level) {
		return
	}
	if !l.limit.Allow() {
		l.skipped.Add(1)
		return
	}
	attrs := make([]slog.Attr, 0, 11)
	attrs = append(attrs, slog.String("method", r.Method), slog.String("route", r.Route))
	switch n := len(r.Leases); {
	case n == 1:
		attrs = append(attrs, slog.String("lease", r.Leases[0]))
	case n > 1:
		attrs = append(attrs, slog.String("lease", r.Leases[0]), slog.Int("leases", n))
	}
	if r.Principal != "" {
		attrs = append(attrs, slog.String("principal", r.Principal))
	}
	attrs = append(attrs, slog.String("from", r.From), slog.Int("status", r.Status),
		slog.Float64("took_ms", math.Round(float64(r.Took.Microseconds()))/1000), slog.String("request_id", r.ID))
	if r.TraceID != "" {
		attrs = append(attrs, slog.String("trace_id", r.TraceID))
	}
	if n := l.skipped.Swap(0); n > 0 {
		attrs = append(attrs, slog.Int64("skipped", n))
	}
	l.to.LogAttrs(context.WithoutCancel(ctx), level, "request", attrs...)
}

func (l *Log) level(r *Request) slog.Level {
	info := r.Status >= http.StatusInternalServerError && r.Route != "/readyz" // a probe of a node that is not ready is no error
	switch l.mode {
	case All:
		info = true
	case Writes:
		info = info || !reads(r.Method) && !Renews(r.Action)
	}
	if info {
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

func reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// Renews reports whether an action has a method of a write, but is a renewal or a read. The clients of Kubernetes renew with
// updates of a Lease.
func Renews(action string) bool {
	switch action {
	case "lease.renew", "session.renew", "kube.lease.update", "kube.lease.patch", "kube.review":
		return true
	}
	return false
}

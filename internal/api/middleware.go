package api

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lockd/lockd/internal/api/accesslog"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/tracing"
)

// statusGone is the status in logs and metrics if the client disconnected before the answer.
const statusGone = 499

// begin makes the call for a request, checks Host and Origin, and measures and logs the request at its end.
func (s *Server) begin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		c := &call{answer: answer{ResponseWriter: w, s: s, id: s.ids.Of(r)}, r: r, traced: tracing.NewRequest(r.Header, start)}
		defer s.end(c, r, start)
		defer c.recoverPanic()
		c.receive()
		if !s.origin.ServesHost(r) {
			misdirected(c)
			return
		}
		if !s.origin.Same(r) {
			c.fail(problems.CrossOrigin)
			return
		}
		next.ServeHTTP(c, r)
	})
}

// end measures a request and logs it. No label contains the name of a lease.
func (s *Server) end(c *call, r *http.Request, start time.Time) {
	took := time.Since(start)
	status := c.status
	if c.silent && status == 0 {
		status = statusGone
	}
	route := chi.RouteContext(r.Context()).RoutePattern()
	if route == "" {
		route = "none"
	}
	method := r.Method
	if !slices.Contains(methods, method) {
		method = "other"
	}
	audited(c, status)
	if !c.stream {
		s.metrics.Requests.Observe(route, method, status, took.Seconds())
	}
	s.access.Write(r.Context(), &accesslog.Request{
		Method: method, Route: route, Action: c.caller.demand.action, Leases: c.caller.names, Principal: c.caller.Principal,
		From: remote(r), Status: status, Took: took, ID: c.id, TraceID: c.traced.TraceID(),
	})
	if !c.stream {
		c.traced.End(&tracing.Outcome{
			Method: method, Route: route, Action: c.caller.demand.action, Leases: c.caller.names, Holder: c.holder, Status: status, RequestID: c.id,
		})
	}
}

// recoverPanic answers a handler's panic with a 500. If part of the answer was sent, it aborts the connection instead,
// so that the client does not take it for a complete answer.
func (c *call) recoverPanic() {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	c.s.cfg.Logger.Error("a handler failed", "panic", fmt.Sprint(p), "request_id", c.id, "stack", string(debug.Stack()))
	if c.status != 0 {
		panic(http.ErrAbortHandler)
	}
	c.fail(problems.Internal)
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// errorLog logs the messages of net/http, which are about connections, at debug level.
func errorLog(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelDebug) }

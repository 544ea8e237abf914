// Package tracing has the spans of requests and of their steps. It knows no exporter: package otlp has one.
package tracing

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// A Tracer starts the spans of requests. A nil Tracer starts none.
type Tracer struct{ spans trace.Tracer }

// New returns a tracer of a provider, which decides which requests have spans.
func New(p trace.TracerProvider) *Tracer { return &Tracer{p.Tracer("lockd")} }

// A Request is a request in a trace: in that of its caller, in one that begins here, or in none.
type Request struct {
	caller trace.SpanContext // from the request's header; the zero value: none
	span   trace.Span        // nil: none
	begun  time.Time
}

// NewRequest returns a request that began at a time. Its caller's trace is the one of the header traceparent (W3C Trace
// Context). A header that is invalid, or that occurs twice, is ignored.
func NewRequest(h http.Header, begun time.Time) Request {
	r := Request{begun: begun}
	if v := h["Traceparent"]; len(v) == 1 {
		carrier := propagation.MapCarrier{"traceparent": v[0]} // without tracestate, which may have any text of the caller
		r.caller = trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
	}
	return r
}

// TraceID returns the id of the request's trace as hexadecimal digits, or "".
func (r *Request) TraceID() string {
	switch {
	case r.span != nil:
		return r.span.SpanContext().TraceID().String()
	case r.caller.IsValid():
		return r.caller.TraceID().String()
	}
	return ""
}

// Start starts the span of the request if t samples it, and returns a context for its steps. A trace that the caller
// samples is always continued. If only is set, no trace begins here.
func (r *Request) Start(ctx context.Context, t *Tracer, only bool) context.Context {
	if t == nil || only && !r.caller.IsSampled() {
		return ctx
	}
	parent := ctx
	if r.caller.IsValid() {
		parent = trace.ContextWithRemoteSpanContext(ctx, r.caller)
	}
	with, span := t.spans.Start(parent, "request", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(r.begun))
	if !span.IsRecording() {
		return ctx
	}
	r.span = span
	return with
}

// An Outcome is what the span of a request shows. It must not have a session, a token or meta.
type Outcome struct {
	Method, Route, Action string
	Leases                []string // the leases that the request names
	Holder                string
	Status                int
	RequestID             string
}

// MaxLeases bounds the names of leases in a span.
const MaxLeases = 16

// End ends the span of the request, if it has one.
func (r *Request) End(o *Outcome) {
	if r.span == nil {
		return
	}
	r.span.SetName(o.Method + " " + o.Route)
	r.span.SetAttributes(
		attribute.String("http.request.method", o.Method), attribute.String("http.route", o.Route),
		attribute.Int("http.response.status_code", o.Status),
		attribute.String("lockd.action", o.Action), attribute.String("lockd.request_id", o.RequestID),
	)
	if len(o.Leases) > 0 {
		r.span.SetAttributes(attribute.String("lockd.lease", strings.Join(o.Leases[:min(len(o.Leases), MaxLeases)], " ")))
	}
	if o.Holder != "" {
		r.span.SetAttributes(attribute.String("lockd.holder", o.Holder))
	}
	if o.Status >= http.StatusInternalServerError {
		r.span.SetStatus(codes.Error, "")
	}
	r.span.End()
}

// A Step is a part of a request that takes time. The zero Step has no span.
type Step struct{ span trace.Span }

// StartStep starts a span below that of ctx. It does nothing if ctx has no span. If another node is called, leader is its
// id, and the span is called forward instead of name.
func StartStep(ctx context.Context, name, leader string) Step {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return Step{}
	}
	kind := trace.SpanKindInternal
	if leader != "" {
		kind, name = trace.SpanKindClient, "forward"
	}
	_, span := parent.TracerProvider().Tracer("lockd").Start(ctx, name, trace.WithSpanKind(kind))
	if leader != "" {
		span.SetAttributes(attribute.String("lockd.leader", leader))
	}
	return Step{span}
}

// End ends the span of the step. err is why it failed.
func (s Step) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, err.Error())
	}
	s.span.End()
}

// Package otlp sends spans to an OpenTelemetry collector, by OTLP over HTTP in its JSON form.
package otlp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/lockd/lockd/internal/tracing"
)

// Config configures an Exporter.
type Config struct {
	Endpoint   string        // the URL of a collector that ValidEndpoint accepts
	Ratio      float64       // the part of the traces that begin here which is sampled
	Node       func() string // the name of this node
	Version    string        // of lockd
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// ValidEndpoint reports whether s is the URL of a collector: http or https, a host, and no credential or query.
func ValidEndpoint(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// tracesURL returns the URL for traces of a collector. As with other programs, the path is appended unless the URL has
// one.
func tracesURL(endpoint string) string {
	if u, err := url.Parse(endpoint); err == nil && strings.Trim(u.Path, "/") == "" {
		return u.JoinPath("v1", "traces").String()
	}
	return endpoint
}

// Bounds of an Exporter.
const (
	maxQueued = 4_096                   // spans that wait; more are dropped
	maxBatch  = 512                     // spans of one request
	interval  = 2 * time.Second         // between two requests that are not full
	timeout   = 5 * time.Second         // of a request
	flush     = 1500 * time.Millisecond // for the last requests
	maxAnswer = 64 << 10
)

// An Exporter queues spans and sends them. It never blocks a request: if the collector does not keep up, spans are
// dropped and counted.
type Exporter struct {
	cfg      Config
	url      string
	client   *http.Client
	provider *sdk.TracerProvider
	queue    chan sdk.ReadOnlySpan
	spans    *prometheus.CounterVec
	failing  bool // the last request failed
}

// New returns an exporter, which sends while Run runs.
func New(cfg Config) *Exporter {
	e := &Exporter{
		cfg: cfg, url: tracesURL(cfg.Endpoint), queue: make(chan sdk.ReadOnlySpan, maxQueued),
		client: &http.Client{
			Timeout: timeout, Transport: &http.Transport{IdleConnTimeout: time.Minute}, // without the proxy of the environment
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		spans: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lockd_trace_spans_total",
			Help: "Spans that were sent to the collector, that it did not accept (failed), or that found the queue full (dropped).",
		}, []string{"result"}),
	}
	for _, result := range []string{"sent", "failed", "dropped"} {
		e.spans.WithLabelValues(result)
	}
	cfg.Registerer.MustRegister(e.spans)
	e.provider = sdk.NewTracerProvider(
		sdk.WithSpanProcessor(processor{e}),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(cfg.Ratio))),
		sdk.WithResource(resource.NewSchemaless()),
	)
	return e
}

// Tracer returns the tracer whose spans are sent.
func (e *Exporter) Tracer() *tracing.Tracer { return tracing.New(e.provider) }

// processor adds spans that have ended to the queue.
type processor struct{ *Exporter }

func (processor) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (processor) Shutdown(context.Context) error             { return nil }
func (processor) ForceFlush(context.Context) error           { return nil }

func (p processor) OnEnd(s sdk.ReadOnlySpan) {
	select {
	case p.queue <- s:
	default:
		p.spans.WithLabelValues("dropped").Inc()
	}
}

// Run sends spans until ctx ends, and then those that are queued, for a bounded time.
func (e *Exporter) Run(ctx context.Context) {
	defer e.client.CloseIdleConnections()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	batch := make([]sdk.ReadOnlySpan, 0, maxBatch)
	for {
		select {
		case s := <-e.queue:
			if batch = append(batch, s); len(batch) < maxBatch {
				continue
			}
		case <-tick.C:
		case <-ctx.Done():
			e.flush(context.WithoutCancel(ctx), batch)
			return
		}
		e.send(ctx, batch)
		batch = batch[:0]
	}
}

// flush sends a batch and what is queued.
func (e *Exporter) flush(ctx context.Context, batch []sdk.ReadOnlySpan) {
	ctx, cancel := context.WithTimeout(ctx, flush)
	defer cancel()
	for {
		for len(batch) < maxBatch && len(e.queue) > 0 {
			batch = append(batch, <-e.queue)
		}
		if len(batch) == 0 {
			return
		}
		e.send(ctx, batch)
		batch = batch[:0]
	}
}

// send sends a batch. A batch that the collector does not accept is not sent again.
func (e *Exporter) send(ctx context.Context, batch []sdk.ReadOnlySpan) {
	if len(batch) == 0 {
		return
	}
	err := e.post(ctx, encode(e.resource(), batch))
	result := "sent"
	if err != nil {
		result = "failed"
	}
	e.spans.WithLabelValues(result).Add(float64(len(batch)))
	switch {
	case err != nil && !e.failing:
		e.cfg.Logger.Warn("traces are not accepted by the collector; requests are served as usual", "url", e.url, "err", err)
	case err == nil && e.failing:
		e.cfg.Logger.Info("traces are accepted by the collector again", "url", e.url)
	}
	e.failing = err != nil
}

func (e *Exporter) post(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := e.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)) // so that the connection is used again
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("status %d", answer.StatusCode)
	}
	return nil
}

// resource returns the attributes of this process.
func (e *Exporter) resource() []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("service.name", "lockd"), attribute.String("service.version", e.cfg.Version),
		attribute.String("service.instance.id", e.cfg.Node()),
	}
}

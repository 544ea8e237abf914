package otlp

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockd/lockd/internal/tracing"
)

// newExporter returns an exporter, and a function that returns how many spans had a result.
func newExporter(endpoint string) (*Exporter, func(result string) int) {
	registry := prometheus.NewRegistry()
	e := New(Config{
		Endpoint: endpoint, Ratio: 1, Node: func() string { return "n1" },
		Registerer: registry, Logger: slog.New(slog.DiscardHandler),
	})
	return e, func(result string) int {
		families, _ := registry.Gather()
		for _, m := range families[0].GetMetric() {
			if m.GetLabel()[0].GetValue() == result {
				return int(m.GetCounter().GetValue())
			}
		}
		return -1
	}
}

// end ends the spans of n requests. It would never return if a span waited for the collector.
func end(e *Exporter, n int) {
	tracer := e.Tracer()
	for range n {
		r := tracing.NewRequest(nil, time.Now())
		r.Start(context.Background(), tracer, false)
		r.End(&tracing.Outcome{})
	}
}

func TestHungCollectorBlocksNoRequest(t *testing.T) {
	arrived, release := make(chan struct{}, 100), make(chan struct{})
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer collector.Close()
	defer close(release)
	e, count := newExporter(collector.URL)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.Run(ctx)
	}()
	end(e, maxBatch)
	<-arrived
	const more = 3 * maxQueued
	end(e, more) // while the collector has not answered
	if n := count("dropped"); n < more-maxQueued-maxBatch {
		t.Errorf("%d spans were dropped", n)
	}
	cancel()
	<-ended
	if sent, failed := count("sent"), count("failed"); sent != 0 || failed == 0 {
		t.Errorf("%d sent and %d failed", sent, failed)
	}
}

func TestUnreachableCollectorCountsItsSpans(t *testing.T) {
	collector := httptest.NewServer(http.NotFoundHandler())
	e, count := newExporter(collector.URL)
	end(e, 2)
	e.flush(t.Context(), nil)
	collector.Close()
	end(e, 3)
	e.flush(t.Context(), nil)
	if n := count("failed"); n != 5 {
		t.Errorf("%d spans failed, want 2 for an error and 3 for no connection", n)
	}
}

func TestEndpointIsChecked(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://127.0.0.1:4318":      "http://127.0.0.1:4318/v1/traces",
		"https://collector.example/": "https://collector.example/v1/traces",
		"http://c/otlp/v1/traces":    "http://c/otlp/v1/traces",
		"http://user:secret@c:4318":  "",
		"http://c:4318?key=secret":   "",
		"c:4318":                     "",
		"127.0.0.1:4318":             "",
		"grpc://c:4317":              "",
		"http://":                    "",
	} {
		if ok := ValidEndpoint(endpoint); ok != (want != "") || ok && tracesURL(endpoint) != want {
			t.Errorf("%s: valid %v, %s", endpoint, ok, tracesURL(endpoint))
		}
	}
}

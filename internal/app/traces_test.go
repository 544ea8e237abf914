package app_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/test/harness/inprocess"
	"github.com/lockd/lockd/test/harness/nodes"
)

// span is a span that a collector received.
type span struct {
	TraceID, SpanID, ParentSpanID, Name string

	Kind       int
	Attributes []struct {
		Key   string
		Value struct{ StringValue, IntValue string }
	}
}

func (s span) attribute(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.StringValue + a.Value.IntValue
		}
	}
	return ""
}

// collector is an OpenTelemetry collector for JSON over HTTP.
type collector struct {
	mu    sync.Mutex
	raw   strings.Builder
	spans []span
}

func (c *collector) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	raw, _ := io.ReadAll(r.Body)
	c.raw.Write(raw)
	var body struct {
		ResourceSpans []struct{ ScopeSpans []struct{ Spans []span } }
	}
	if json.Unmarshal(raw, &body) != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/json" {
		c.raw.WriteString("not OTLP")
	}
	for _, resource := range body.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
}

// find returns the only span of an action, and the one below it.
func (c *collector) find(t *testing.T, trace, action string) (request, step span) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	found := 0
	for _, s := range c.spans {
		if s.attribute("lockd.action") == action && (trace == "" || s.TraceID == trace) {
			request = s
			found++
		}
	}
	for _, s := range c.spans {
		if s.ParentSpanID == request.SpanID && s.TraceID == request.TraceID {
			step = s
		}
	}
	if found != 1 || step.SpanID == "" {
		t.Errorf("%s: %d spans, and the step %+v, among %+v", action, found, step, c.spans)
	}
	return request, step
}

// traced sends a request in a trace that is sampled, and returns the answer.
func traced(t *testing.T, n *inprocess.Node, trace, path string, body nodes.In) string {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.URL(path), bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	r.Header.Set("Tracestate", "vendor=tracestate-text")
	r.Header.Set("Authorization", "Bearer bearer-text")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	answer, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode/100 != 2 {
		t.Fatalf("%s: %d %s, %v", path, a.StatusCode, answer, err)
	}
	return string(answer)
}

func TestTracesHaveTheStepsAndNoSecret(t *testing.T) {
	to := new(collector)
	server := httptest.NewServer(to)
	defer server.Close()
	c := inprocess.Start(t, 2, func(cfg *app.Config) { cfg.OTLPEndpoint, cfg.TraceRatio = server.URL, 0 })
	const (
		onLeader, onFollower, renewed = "4bf92f3577b34da6a3ce929d0e0e4736", "5bf92f3577b34da6a3ce929d0e0e4736", "6bf92f3577b34da6a3ce929d0e0e4736"
		queued                        = "7bf92f3577b34da6a3ce929d0e0e4736"
	)
	acquire := nodes.In{"holder": "alice-1", "session": alice, "meta": nodes.In{"key": "meta-text"}, "ttl_ms": 30_000}
	traced(t, c.Leader(), onLeader, "/v1/leases/a/acquire", acquire)
	traced(t, c.Follower(), onFollower, "/v1/leases/b/acquire", acquire)
	traced(t, c.Leader(), queued, "/v1/leases/c/acquire", nodes.In{"holder": "alice-1", "session": alice, "wait_ms": 1_000})
	traced(t, c.Leader(), renewed, "/v1/leases/a/renew", nodes.In{"session": alice})
	c.Leader().Post("/v1/leases/b/renew", nodes.In{"session": alice}).Want(t, 200)   // in no trace
	c.Leader().Post("/v1/leases/b/release", nodes.In{"session": alice}).Want(t, 200) // in no trace, at a ratio of 0
	for _, n := range c.Nodes {
		n.Stop() // it sends the last spans
	}
	for _, want := range []struct {
		trace, name, step string
		action, lease     string
		kind              int // 1: a step on the leader, 3: a call of it
	}{
		{onLeader, "POST /v1/leases/{name}/acquire", "commit", "lease.acquire", "a", 1},
		{onFollower, "POST /v1/leases/{name}/acquire", "forward", "lease.acquire", "b", 3},
		{queued, "POST /v1/leases/{name}/acquire", "queue", "lease.acquire", "c", 1},
		{renewed, "POST /v1/leases/{name}/renew", "confirm", "lease.renew", "a", 1},
	} {
		request, step := to.find(t, want.trace, want.action)
		if request.Name != want.name || request.ParentSpanID != "00f067aa0ba902b7" || request.Kind != 2 || request.attribute("lockd.lease") != want.lease ||
			!strings.HasPrefix(request.attribute("http.response.status_code"), "20") {
			t.Errorf("%s: %+v", want.trace, request)
		}
		if step.Name != want.step || step.Kind != want.kind || (step.attribute("lockd.leader") != "") != (want.kind == 3) {
			t.Errorf("%s: %+v", want.trace, step)
		}
		if want.action == "lease.acquire" && request.attribute("lockd.holder") != "alice-1" {
			t.Errorf("%s: no holder in %+v", want.trace, request)
		}
	}
	if len(to.spans) != 8 {
		t.Errorf("%d spans, want 8: a renewal and a release began a trace? %+v", len(to.spans), to.spans)
	}
	for _, secret := range []string{alice, "meta-text", "tracestate-text", "bearer-text", "not OTLP"} {
		if strings.Contains(to.raw.String(), secret) {
			t.Errorf("%s is in %s", secret, to.raw.String())
		}
	}
	if log := c.Log.String(); !strings.Contains(log, "trace_id="+onLeader) {
		t.Error("the access log does not name the trace")
	}
}

// A trace begins on a node at a ratio of 1. A collector that does not exist changes no answer.
func TestCollectorThatIsDownChangesNoAnswer(t *testing.T) {
	c := inprocess.Start(t, 1, func(cfg *app.Config) { cfg.OTLPEndpoint, cfg.TraceRatio = "http://"+nodes.FreeAddress(t), 1 })
	n := c.Leader()
	for range 20 {
		n.Post("/v1/leases/a/acquire", nodes.In{"holder": "a", "session": alice}).Want(t, http.StatusCreated)
		n.Post("/v1/leases/a/release", nodes.In{"session": alice}).Want(t, http.StatusOK)
	}
	nodes.Eventually(t, "spans are counted as failed", func() bool { return n.Metric(`lockd_trace_spans_total{result="failed"}`) >= 80 })
}

package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lockd/lockd/internal/api"
	"github.com/lockd/lockd/internal/fsm"
)

// rig is a server without a socket. Its node is reset before each input, and its waits end at once.
type rig struct {
	node    *node
	members *members
	handler http.Handler
}

func newRig() *rig {
	n := newNode()
	b := &rig{node: n, members: &members{node: n}}
	registry := prometheus.NewRegistry()
	b.handler = api.New(api.Config{
		Leases: n, Events: watchers{n}, Cluster: b.members,
		Registerer: registry, Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
	}).Handler()
	return b
}

// setUp resets the node and gives it leases in every state. fail is the error that the node returns.
func (b *rig) setUp(fail error) {
	b.node.reset()
	b.members.list = nil
	n := b.node
	acquire := func(name, holder, session string, limit int, wait, delay fsm.Millis) {
		n.attempts++
		n.apply(&fsm.Acquire{
			Name: name, Holder: holder, Session: session, TTL: 15_000, Limit: limit, Wait: wait, Delay: delay,
			Meta: `{"url":"http://10.0.0.7:9000"}`, AttemptID: fsm.AttemptID{Boot: 1, N: n.attempts},
		})
	}
	acquire("held", "w1", sessionA, 1, 0, 0)
	acquire("held", "w2", sessionB, 1, 30_000, 0)
	acquire("shared", "w1", sessionA, 2, 0, 0)
	acquire("delayed", "w1", sessionC, 1, 0, 5_000)
	n.apply(&fsm.Break{Name: "delayed", Token: n.machine.Revision(), Reason: "it hangs"})
	acquire("breaking", "w3", sessionC, 1, 0, 0)
	n.apply(&fsm.Break{Name: "breaking", Token: n.machine.Revision(), Reason: "it hangs", Grace: 9_000})
	acquire("freed", "w3", sessionC, 1, 0, 0)
	n.apply(&fsm.Release{Name: "freed", Session: sessionC})
	n.fail = fail
}

// recorder is an httptest.ResponseRecorder that accepts deadlines, as a connection does.
type recorder struct{ *httptest.ResponseRecorder }

func (recorder) SetWriteDeadline(time.Time) error { return nil }

func (recorder) SetReadDeadline(time.Time) error { return nil }

// parsed returns the request as net/http's server would read it from a connection, or nil if it is malformed.
func parsed(ctx context.Context, method, target string, body []byte, headers map[string]string) *http.Request {
	var text strings.Builder
	text.WriteString(method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n")
	for name, value := range headers {
		if value != "" {
			text.WriteString(name + ": " + value + "\r\n")
		}
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text.String() + "\r\n")))
	if err != nil || strings.ContainsAny(target, " \r\n") {
		return nil
	}
	r.RemoteAddr = "192.0.2.1:1234"
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	r.ContentLength = int64(len(body))
	return r.WithContext(ctx)
}

// longest is more than the time of any answer when waits end at once.
const longest = 20 * time.Second

// do sends one request to the server. It returns nil if the request is malformed, or if its client disconnected before
// there was an answer.
func (b *rig) do(t *testing.T, method, target string, body []byte, headers map[string]string) (*http.Request, *http.Response) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	r := parsed(ctx, method, target, body, headers)
	if r == nil {
		return nil, nil
	}
	b.node.leave = cancel
	w := recorder{httptest.NewRecorder()}
	b.handler.ServeHTTP(w, r)
	resp := w.Result()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		t.Fatalf("%s %s was not answered for %v", method, target, longest)
	case ctx.Err() != nil && len(resp.Header) == 0:
		return nil, nil
	}
	return r, resp
}

// failures are the errors that the node returns; nil, for no error, is the most frequent.
var failures = []error{nil, nil, nil, nil, fsm.ErrNoLeader, fsm.ErrNotReady, fsm.ErrOverloaded, fsm.ErrUnknown}

// FuzzRequest sends any request to a node that has leases in every state. The answer must match the contract. It is a
// server error only if the node failed.
func FuzzRequest(f *testing.F) {
	for _, seed := range requests() {
		f.Add(byte(0), seed.method, seed.target, seed.accept, "", []byte(seed.body))
		f.Add(byte(len(failures)-1), seed.method, seed.target, seed.accept, "4", []byte(seed.body))
	}
	b := newRig()
	f.Fuzz(func(t *testing.T, failure byte, method, target, accept, last string, body []byte) {
		fail := failures[int(failure)%len(failures)]
		b.setUp(fail)
		r, resp := b.do(t, method, target, body, map[string]string{"Accept": accept, "Last-Event-ID": last})
		if resp != nil {
			checkAnswer(t, r, resp, fail)
		}
	})
}

func checkAnswer(t *testing.T, r *http.Request, resp *http.Response, fail error) {
	t.Helper()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.Method == http.MethodHead {
		got = nil // a connection does not send it
	}
	switch {
	case resp.StatusCode == http.StatusInternalServerError, resp.StatusCode > 500 && fail == nil:
		t.Errorf("%s %s: %d without a failure of the node: %s", r.Method, r.URL, resp.StatusCode, got)
	case resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "application/problem+json":
		t.Errorf("%s %s: %d as %q: %s", r.Method, r.URL, resp.StatusCode, resp.Header.Get("Content-Type"), got)
	case resp.StatusCode >= 400 && r.Method != http.MethodHead:
		isProblem(t, resp.StatusCode, got)
	}
	contract(t).check(t, r, resp, got)
}

// isProblem checks that a body is a problem as in RFC 9457, and that the problem's page describes its members.
func isProblem(t *testing.T, status int, body []byte) {
	t.Helper()
	var p struct {
		Type, Title, Detail string
		Status              int
		Definitive          *bool
	}
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if p.Status != status || p.Title == "" || p.Detail == "" || p.Definitive == nil || !strings.HasPrefix(p.Type, "/problems/") {
		t.Errorf("%d: %s", status, body)
	}
	checkMembers(t, body)
}

type request struct{ method, target, accept, body string }

// requests returns valid and invalid requests for each route.
func requests() []request {
	const stream = "text/event-stream"
	post := func(target, body string) request { return request{http.MethodPost, target, "", body} }
	get := func(target string) request { return request{method: http.MethodGet, target: target} }
	return []request{
		post("/v1/leases/held/acquire", `{"holder":"w9"}`),
		post("/v1/leases/held/acquire", `{"holder":"w1","session":"`+sessionA+`","ttl_ms":20000,"meta":{"a":[1,{"b":null}]}}`),
		post("/v1/leases/held/acquire", `{"holder":"w1","session":"`+sessionA+`","reclaim":true}`),
		post("/v1/leases/held/acquire", `{"holder":"w2","session":"`+sessionB+`","wait_ms":100,"priority":-7}`),
		post("/v1/leases/shared/acquire", `{"holder":"w9","limit":2,"delay_ms":60000}`),
		post("/v1/leases/a%2Fb/acquire", `{"holder":"w9"}`),
		post("/v1/leases/new.name:1/acquire", `{"holder":"\ud83d\ude00","ttl_ms":1e400}`),
		post("/v1/leases/new/acquire", `{"holder":"w9","ttl_ms":-1,"limit":NaN}`),
		post("/v1/leases/new/acquire", `{"holder":"w9","ttl_ms":9223372036854775808,"unknown":1}`),
		post("/v1/leases/held/renew", `{"session":"`+sessionA+`","token":1,"ttl_ms":60001}`),
		post("/v1/leases/breaking/renew", `{"session":"`+sessionC+`"}`),
		post("/v1/leases/held/release", `{"session":"`+sessionA+`","delay_ms":1000}`),
		post("/v1/leases/held/transfer", `{"session":"`+sessionA+`","to":"w2"}`),
		post("/v1/leases/held/step-down", `{"token":1,"to":"w2","within_ms":30000}`),
		post("/v1/leases/held/break", `{"token":1,"reason":"it hangs","grace_ms":0}`),
		post("/v1/leases/held/break", `{"token":9007199254740992,"reason":"\u0000"}`),
		post("/v1/acquire", `{"names":["free.1","free.2"],"holder":"w9","session":"`+sessionC+`"}`),
		post("/v1/acquire", `{"names":["held","held"],"holder":"w9"}`),
		post("/v1/sessions/renew", `{"session":"`+sessionA+`","leases":[{"name":"held","token":1}]}`),
		post("/v1/sessions/release", `{"session":"`+sessionA+`"}`),
		post("/v1/cluster/remove", `{"id":"n2"}`),
		post("/v1/cluster/transfer-leader", `{"to":"n2"}`),
		post("/v1/cluster/transfer-leader", `{}{}`),
		get("/v1/leases/held"), get("/v1/leases/held?stale=true"), get("/v1/leases/..%2f?stale=yes"),
		get("/v1/leases/held/check?token=1"), get("/v1/leases/held/check?token=-1"), get("/v1/leases/held/check"),
		get("/v1/leases/freed/history"), get("/v1/leases?prefix=h&limit=1"), get("/v1/leases?cursor=held&holder=w1"),
		get("/v1/leases?cursor=%ff&limit=1e400&limit=0"), get("/v1/cluster"),
		get("/v1/watch?after=3&wait_ms=0"), get("/v1/watch?name=held&prefix=h&wait_ms=60000"),
		get("/v1/watch?after=18446744073709551616"),
		{http.MethodGet, "/v1/watch?after=2", stream, ""},
		{http.MethodHead, "/v1/leases/held", "", ""}, {http.MethodPut, "/v1/leases/held", "", "{}"}, {"FETCH", "/", "", ""},
		get("/healthz"), get("/readyz"), get("/openapi.yaml"), get("/docs"), get("/ui/app.js"), get("/metrics"),
		get("/problems"), get("/problems/held"), get("/problems/%00"),
		{http.MethodGet, "/problems/not-holder", "text/html", ""}, {http.MethodGet, "/problems/nothing", "text/markdown", ""},
	}
}

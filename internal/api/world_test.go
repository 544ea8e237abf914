package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lockd/lockd/internal/api"
)

// world is a server on a real socket, with a node that the test controls.
type world struct {
	*testing.T
	*node
	server   *api.Server
	url      string
	addr     string
	client   *http.Client
	registry *prometheus.Registry
	dialled  atomic.Int64 // connections of client
	stop     func() error // ends Run and returns its result; can be called again
}

func newWorld(t *testing.T, change ...func(*api.Config)) *world {
	t.Helper()
	n := newNode()
	registry := prometheus.NewRegistry()
	cfg := api.Config{
		Leases: n, Events: watchers{n}, Cluster: &members{node: n},
		Registerer: registry, Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
		Timeouts: api.Timeouts{DrainTimeout: 5 * time.Second},
	}
	cfg.Access = directory{n}
	for _, f := range change {
		f(&cfg)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w := &world{
		T: t, node: n, server: api.New(cfg), addr: l.Addr().String(), registry: registry,
	}
	dialer := &net.Dialer{}
	w.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		MaxIdleConnsPerHost: 4,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			w.dialled.Add(1)
			return dialer.DialContext(ctx, network, addr)
		},
	}}
	w.url = "http://" + w.addr
	ended := make(chan error, 1)
	go func() { ended <- w.server.Run(ctx, l) }()
	var result error
	w.stop = func() error {
		if cancel != nil {
			cancel()
			cancel = nil
			w.client.CloseIdleConnections()
			result = <-ended
		}
		return result
	}
	t.Cleanup(func() { _ = w.stop() })
	return w
}

// answer is a response that was read and matches the contract.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

func (w *world) get(path string, headers ...string) *answer {
	w.Helper()
	return w.send(http.MethodGet, path, "", headers...)
}

func (w *world) post(path, body string, headers ...string) *answer {
	w.Helper()
	return w.send(http.MethodPost, path, body, headers...)
}

// send sends a request and checks the answer against the contract. headers has pairs of a name and a value.
func (w *world) send(method, path, body string, headers ...string) *answer {
	w.Helper()
	a, err := w.try(method, path, body, headers...)
	if err != nil {
		w.Fatal(err)
	}
	return a
}

func (w *world) try(method, path, body string, headers ...string) (*answer, error) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	req.Host = req.Header.Get("Host")
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	contract(w.T).check(w.T, req, resp, b)
	if resp.Header.Get("Content-Type") == "application/problem+json" {
		checkMembers(w.T, b)
	}
	return &answer{t: w.T, status: resp.StatusCode, header: resp.Header, body: b}, nil
}

// want checks the status and, for an error, the problem's type.
func (a *answer) want(status int, kind ...string) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status is %d, want %d: %s", a.status, status, a.body)
	}
	if len(kind) > 0 && a.text("type") != "/problems/"+kind[0] {
		a.t.Fatalf("type is %s, want %s: %s", a.text("type"), kind[0], a.body)
	}
	return a
}

// want2xx checks that the request was served.
func (a *answer) want2xx() {
	a.t.Helper()
	if a.status < 200 || a.status > 299 {
		a.t.Errorf("status is %d: %s", a.status, a.body)
	}
}

// at returns the value at a path of members in the body, or nil.
func (a *answer) at(path ...any) any {
	a.t.Helper()
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		a.t.Fatalf("%v: %s", err, a.body)
	}
	for _, p := range path {
		switch p := p.(type) {
		case string:
			v, _ = v.(map[string]any)[p]
		case int:
			list, _ := v.([]any)
			if p >= len(list) {
				return nil
			}
			v = list[p]
		}
		if v == nil {
			return nil
		}
	}
	return v
}

func (a *answer) text(path ...any) string {
	a.t.Helper()
	switch v := a.at(path...).(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return map[bool]string{true: "true", false: "false"}[v]
	default:
		b, _ := json.Marshal(v)
		return string(b)
	}
}

// is checks members. pairs has pairs of a dotted path and the expected text.
func (a *answer) is(pairs ...string) *answer {
	a.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		var path []any
		for _, p := range strings.Split(pairs[i], ".") {
			if len(p) == 1 && p[0] >= '0' && p[0] <= '9' {
				path = append(path, int(p[0]-'0'))
			} else {
				path = append(path, p)
			}
		}
		if got := a.text(path...); got != pairs[i+1] {
			a.t.Errorf("%s is %q, want %q: %s", pairs[i], got, pairs[i+1], a.body)
		}
	}
	return a
}

// eventually waits until a condition is met, and fails the test if it is not met in time.
func eventually(t testing.TB, what string, met func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !met() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

const (
	sessionA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	sessionB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	sessionC = "cccccccccccccccccccccccccccccccc"
)

// hold acquires a lease for a session and returns the token.
func (w *world) hold(name, holder, session string, more ...string) string {
	w.Helper()
	body := `{"holder":"` + holder + `","session":"` + session + `"` + strings.Join(more, "") + `}`
	return w.post("/v1/leases/"+name+"/acquire", body).want(201).text("token")
}

// later sends a request in the background. The channel receives its answer.
func (w *world) later(path, body string) <-chan *answer {
	w.Helper()
	done := make(chan *answer, 1)
	go func() {
		a, err := w.try(http.MethodPost, path, body)
		if err != nil && !errors.Is(err, context.Canceled) {
			w.Error(err)
		}
		done <- a
	}()
	return done
}

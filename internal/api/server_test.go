package api_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockd/lockd"
	"github.com/lockd/lockd/internal/api"
)

func TestUnknownPathsAndMethods(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/ui/", "/ui/nothing.js", "/v1", "/v1/acquires", "/v1/leases/", "/v1/cluster/snapshot", "/problems/nope", "/V1/leases"} {
		w.get(path).want(404, "not-found").is("definitive", "true")
	}
	for _, c := range []struct{ method, path, allow string }{
		{"GET", "/v1/leases/job/acquire", "POST"},
		{"DELETE", "/v1/leases/job", "GET, HEAD"},
		{"PUT", "/v1/leases", "GET, HEAD"},
		{"OPTIONS", "/v1/sessions/renew", "POST"},
		{"HEAD", "/v1/sessions/renew", "POST"},
		{"POST", "/healthz", "GET, HEAD"},
		{"BREW", "/healthz", "GET, HEAD"},
	} {
		a := w.send(c.method, c.path, "").want(405)
		if got := a.header["Allow"]; !slices.Equal(got, []string{c.allow}) {
			t.Errorf("%s %s: Allow is %q, want %q", c.method, c.path, got, c.allow)
		}
	}
}

func TestRequestIDs(t *testing.T) {
	w := newWorld(t)
	id := func(sent string) string { return w.get("/healthz", "X-Request-Id", sent).header.Get("X-Request-Id") }
	if got := id("abc-1:2.3_x"); got != "abc-1:2.3_x" {
		t.Errorf("a valid id became %q", got)
	}
	seen := map[string]bool{}
	if got := id(strings.Repeat("a", 64)); len(got) != 64 {
		t.Errorf("a long id became %q", got)
	}
	token := strings.TrimPrefix(w.admin(), "Bearer ")
	for _, bad := range []string{"", "a b", strings.Repeat("a", 65), "ä", token, token[:40], "eyJhbGciOiJFZERTQSJ9.e30.c2ln", "a\"b", "a/b"} {
		got := id(bad)
		if got == bad || len(got) < 8 || seen[got] {
			t.Errorf("%q became %q", bad, got)
		}
		seen[got] = true
	}
	w.get("/nope", "X-Request-Id", "abc").is("request_id", "abc")
}

// TestOriginsAreComparedWithTheirDefaultPorts: the default port of a page's scheme is equal to no port.
func TestOriginsAreComparedWithTheirDefaultPorts(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.AllowedHosts = []string{"app.intra"} })
	for _, pair := range [][2]string{
		{"http://app.intra", "app.intra:80"}, {"http://app.intra:80", "app.intra"}, {"https://app.intra", "app.intra:443"},
		{"https://app.intra", "App.Intra"}, {"http://app.intra:8080", "app.intra:8080"}, {"http://[::1]", "[::1]:80"},
	} {
		w.post("/v1/leases/job/acquire", `{"holder":"w1","session":"`+sessionA+`"}`, "Origin", pair[0], "Host", pair[1]).want2xx()
		w.post("/v1/leases/job/acquire", `{"holder":"w1","session":"`+sessionA+`"}`, "Origin", pair[0], "Host", pair[1],
			"Sec-Fetch-Site", "cross-site").want(403, "cross-origin")
	}
	for _, pair := range [][2]string{
		{"http://app.intra", w.addr}, {"http://app.intra", "app.intra:443"}, {"https://app.intra", "app.intra:80"}, {"null", "app.intra"},
		{"http://app.intra:8080", "app.intra"}, {"http://evil.example", "app.intra"}, {"http://app.intra.evil.example", "app.intra"}, {"app.intra", "app.intra"},
	} {
		w.post("/v1/leases/job/acquire", `{"holder":"w1"}`, "Origin", pair[0], "Host", pair[1]).want(403, "cross-origin")
	}
}

func TestPagesOfOtherOriginsMayNotWrite(t *testing.T) {
	w := newWorld(t)
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		w.post("/v1/leases/job/acquire", `{"holder":"w1"}`, headers...).want(403, "cross-origin").is("definitive", "true")
		w.get("/v1/leases/job", headers...).want(200)
	}
	w.post("/v1/leases/job/acquire", `{"holder":"w1"}`, "Sec-Fetch-Site", "same-origin").want(201)
	w.post("/v1/leases/x/acquire", `{"holder":"w1"}`, "Content-Type", "application/x-www-form-urlencoded").want(201)
}

func TestPanicIsAnsweredWith500(t *testing.T) {
	w := newWorld(t)
	w.set(func(n *node) { n.onCommand = func(context.Context) { panic("a bug") } })
	w.post("/v1/leases/job/renew", `{"session":"`+sessionA+`"}`).want(500, "internal").is("definitive", "false")
	w.set(func(n *node) { n.onCommand = nil })
	w.get("/healthz").want(200)
}

func TestHealth(t *testing.T) {
	w := newWorld(t)
	w.get("/readyz").want(200)
	w.set(func(n *node) { n.notReady = fmt.Errorf("no leader") })
	if a := w.get("/readyz").want(503); string(a.body) != "[+] alive\n[-] ready: no leader\n" || a.header.Get("Retry-After") == "" {
		t.Errorf("%s %v", a.body, a.header)
	}
	w.get("/healthz").want(200)
}

func TestTheContractIsServed(t *testing.T) {
	w := newWorld(t)
	a := w.get("/openapi.yaml").want(200)
	if string(a.body) != lockd.OpenAPI || a.header.Get("Content-Type") != "application/yaml" {
		t.Error("the document differs")
	}
	tag := a.header.Get("ETag")
	if b := w.get("/openapi.yaml", "If-None-Match", tag).want(304); len(b.body) != 0 || b.header.Get("ETag") != tag {
		t.Errorf("%v", b.header)
	}
}

func TestMetricsHaveRoutesButNoLeaseNames(t *testing.T) {
	w := newWorld(t)
	for i := range 50 {
		w.get(fmt.Sprintf("/v1/leases/job-%d", i)).want(200)
		w.get(fmt.Sprintf("/nope/%d", i)).want(404)
		w.send(fmt.Sprintf("BREW%d", i), "/healthz", "").want(405)
	}
	body := string(w.get("/metrics").want(200).body)
	if n := strings.Count(body, "lockd_http_request_seconds_count{"); n != 3 {
		t.Errorf("%d series, want 3", n)
	}
	for _, want := range []string{
		`lockd_http_request_seconds_count{code="200",method="GET",route="/v1/leases/{name}"} 50`,
		`lockd_http_request_seconds_count{code="404",method="GET",route="none"} 50`,
		`lockd_http_request_seconds_count{code="405",method="other",route="none"} 50`,
		`lockd_http_connections 1`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
}

// logged collects log output.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestEachRequestIsLoggedOnceWithoutSession(t *testing.T) {
	var out logged
	w := newWorld(t, func(c *api.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	w.post("/v1/leases/job/acquire", `{"holder":"w1","session":"`+sessionA+`"}`, "X-Request-Id", "req-1").want(201)
	eventually(t, "the request is logged", func() bool { return strings.Contains(out.String(), "request_id=req-1") })
	if s := out.String(); strings.Count(s, "msg=request") != 1 || strings.Contains(s, sessionA) ||
		!strings.Contains(s, "level=INFO msg=request method=POST route=/v1/leases/{name}/acquire lease=job from=127.0.0.1 status=201 took_ms=") {
		t.Error(s)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.MaxConnsPerIP = 3 })
	var open []net.Conn
	for range 3 {
		conn := dial(t, w)
		open = append(open, conn)
	}
	status, _ := raw(t, w, "")
	if status != http.StatusServiceUnavailable {
		t.Errorf("the status of a fourth connection is %d", status)
	}
	open[0].Close()
	eventually(t, "a connection is accepted again", func() bool {
		conn, err := net.Dial("tcp", w.addr)
		if err != nil {
			return false
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.0\r\n\r\n")
		b, _ := io.ReadAll(conn)
		return bytes.HasPrefix(b, []byte("HTTP/1.0 200"))
	})
}

func TestSlowSendersAreDisconnected(t *testing.T) {
	w := newWorld(t, func(c *api.Config) {
		c.HeaderTimeout, c.BodyTimeout = 30*time.Millisecond, 30*time.Millisecond
	})
	status, body := raw(t, w, "POST /v1/leases/job/acquire HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n{")
	if status != 400 || !strings.Contains(body, "must arrive within 30ms") {
		t.Errorf("a slow body: %d %s", status, body)
	}
	conn := dial(t, w)
	_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHo")
	if b, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection of a slow header stays open: %q %v", b, err)
	}
	status, _ = raw(t, w, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "+strings.Repeat("a", 64<<10)+"\r\n\r\n")
	if status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a long header: %d", status)
	}
}

func TestConnectionServesManyRequests(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.WriteTimeout, c.BodyTimeout = 20*time.Millisecond, 20*time.Millisecond })
	w.hold("job", "w1", sessionA)
	for range 3 {
		w.post("/v1/leases/job/renew", `{"session":"`+sessionA+`"}`).want(200)
		w.post("/v1/leases/job/acquire", `{"holder":"w2","session":"`+sessionB+`","wait_ms":50}`).want(409, "held")
	}
	if n := w.dialled.Load(); n != 1 {
		t.Errorf("%d connections were used", n)
	}
}

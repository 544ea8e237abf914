package api_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/api"
)

// TestConnectionsOfIncompleteRequestsAreClosed sends requests of which a part never arrives. The connection must be
// closed if a handler answers, and also if the router or net/http answers.
func TestConnectionsOfIncompleteRequestsAreClosed(t *testing.T) {
	w := newWorld(t, func(c *api.Config) {
		c.HeaderTimeout, c.BodyTimeout, c.IdleTimeout = 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	})
	const missing = "Host: 127.0.0.1\r\nContent-Length: 1000\r\n"
	const chunked = "Host: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
	for name, request := range map[string]string{
		"nothing":                   "",
		"half of a header":          "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n",
		"nothing after a request":   "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"a body that is read":       "POST /v1/leases/a/acquire HTTP/1.1\r\n" + missing + "\r\n{",
		"chunks that are read":      "POST /v1/leases/a/acquire HTTP/1.1\r\n" + chunked + "\r\n2\r\n{}\r\n",
		"a trailer":                 "POST /v1/leases/a/acquire HTTP/1.1\r\n" + chunked + "\r\n2\r\n{}\r\n0\r\n",
		"a body that is too large":  "POST /v1/leases/a/acquire HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999\r\n\r\n",
		"a body of an unknown path": "POST /nope HTTP/1.1\r\n" + missing + "\r\n",
		"a body of a wrong method":  "PUT /v1/leases HTTP/1.1\r\n" + missing + "\r\n",
		"a body of a wrong query":   "POST /v1/leases/a/acquire?x=1 HTTP/1.1\r\n" + missing + "\r\n",
		"a body of another origin":  "POST /v1/leases/a/acquire HTTP/1.1\r\nOrigin: http://evil.example\r\n" + missing + "\r\n",
		"a body of a GET":           "GET /healthz HTTP/1.1\r\n" + missing + "\r\n",
		"chunks of a GET":           "GET /healthz HTTP/1.1\r\n" + chunked + "\r\n",
		"a body of a long-poll":     "GET /v1/watch?after=0&wait_ms=1 HTTP/1.1\r\n" + missing + "\r\n",
		"a body of HTTP/1.0":        "POST /nope HTTP/1.0\r\nConnection: keep-alive\r\n" + missing + "\r\n",
		"a body that is announced":  "POST /nope HTTP/1.1\r\nExpect: 100-continue\r\n" + missing + "\r\n",
		"a body that is requested":  "POST /v1/leases/a/acquire HTTP/1.1\r\nExpect: 100-continue\r\n" + missing + "\r\n",
		"another expectation":       "POST /nope HTTP/1.1\r\nExpect: more\r\n" + missing + "\r\n",
		"a body of OPTIONS *":       "OPTIONS * HTTP/1.1\r\n" + missing + "\r\n",
		"a malformed request":       "POST /nope HTTP/1.1\r\nbad header\r\n" + missing + "\r\n",
		"an unknown encoding":       "POST /nope HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: zip\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, w)
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Errorf("the connection stays open: %v", err)
			}
		})
	}
}

// TestAnswerBeforeBodyClosesConnection: a client that sends a body which no handler reads still gets the answer, and
// uses a new connection for its next request.
func TestAnswerBeforeBodyClosesConnection(t *testing.T) {
	w := newWorld(t)
	body := strings.Repeat("x", 32<<10)
	status, _ := raw(t, w, "POST /nope HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 32768\r\n\r\n"+body)
	if status != http.StatusNotFound {
		t.Errorf("status is %d", status)
	}
	for range 2 {
		w.post("/nope", body).want(404)
	}
	if n := w.dialled.Load(); n != 2 {
		t.Errorf("%d connections were used for two requests", n)
	}
}

// TestWaitsOutlastReadDeadlines: the deadlines for reading a request do not end its wait or its stream.
func TestWaitsOutlastReadDeadlines(t *testing.T) {
	const short = 30 * time.Millisecond
	w := newWorld(t, func(c *api.Config) {
		c.HeaderTimeout, c.BodyTimeout, c.WriteTimeout, c.MarkInterval = short, short, short, time.Hour
	})
	w.hold("job", "w1", sessionA)
	frames := w.stream("/v1/watch?name=job&after=1")
	w.get("/v1/watch?after=1&wait_ms=300").want(200).is("events", "[]")
	w.post("/v1/leases/job/acquire", `{"holder":"w2","session":"`+sessionB+`","wait_ms":300}`).want(409, "held").is("queued", "true")
	conn := dial(t, w)
	if _, err := io.WriteString(conn, "GET /v1/watch?after=1&wait_ms=300 HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("a long-poll of HTTP/1.0: %v %v", resp, err)
	}
	w.expire("job")
	for f := next(t, frames); f.event != "expired"; f = next(t, frames) {
		if f.event != "mark" {
			t.Fatalf("%+v", f)
		}
	}
}

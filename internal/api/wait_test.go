package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/api"
)

func TestAWaitIsGranted(t *testing.T) {
	w := newWorld(t)
	w.hold("job", "w1", sessionA)
	waiting := w.later("/v1/leases/job/acquire", `{"holder":"w2","session":"`+sessionB+`","wait_ms":30000}`)
	eventually(t, "w2 waits", func() bool { return w.waiting("job") == 1 })
	w.get("/v1/leases/job").is("queue.0.holder", "w2", "queue_length", "1")
	w.post("/v1/leases/job/release", `{"session":"`+sessionA+`"}`).want(200)
	(<-waiting).want(201).is("holder", "w2", "previous.end", "released")
}

func TestEndedWaitKeepsItsPlace(t *testing.T) {
	w := newWorld(t)
	w.hold("job", "w1", sessionA)
	w.post("/v1/leases/job/acquire", `{"holder":"w2","session":"`+sessionB+`","wait_ms":1}`).want(409, "held").
		is("definitive", "true", "queued", "true", "position", "1", "ticket_expires_in_ms", "5000", "lease.queue_length", "1")
	a := w.post("/v1/leases/job/acquire", `{"holder":"w3","wait_ms":1}`).want(409, "held").is("queued", "", "lease.queue_length", "1")
	if len(a.text("session")) != 32 {
		t.Error("the answer does not have the session that the server made")
	}
}

func TestDisconnectedClientLeavesQueue(t *testing.T) {
	w := newWorld(t)
	w.hold("job", "w1", sessionA)
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "POST", w.url+"/v1/leases/job/acquire",
		strings.NewReader(`{"holder":"w2","wait_ms":60000}`))
	done := make(chan error, 1)
	go func() {
		_, err := w.client.Do(req)
		done <- err
	}()
	eventually(t, "w2 waits", func() bool { return w.waiting("job") == 1 })
	cancel()
	<-done
	eventually(t, "w2 has left the queue", func() bool { return w.waiting("job") == 0 })
	if n := w.abandons(); n != 1 {
		t.Errorf("%d abandoned", n)
	}
}

// disconnect sends an acquire and disconnects after the node has received it. The node applies it only after that.
func (w *world) disconnect(body string) {
	w.Helper()
	entered := make(chan struct{})
	w.set(func(n *node) {
		n.onCommand = func(ctx context.Context) { close(entered); <-ctx.Done() }
	})
	ctx, cancel := context.WithCancel(w.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", w.url+"/v1/leases/job/acquire", strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := w.client.Do(req)
		done <- err
	}()
	<-entered
	w.set(func(n *node) { n.onCommand = nil })
	cancel()
	<-done
}

func TestGrantToDisconnectedClientIsReleased(t *testing.T) {
	w := newWorld(t)
	w.disconnect(`{"holder":"w2","session":"` + sessionB + `"}`)
	eventually(t, "the hold is released", func() bool { return w.abandons() == 1 && w.holders("job") == 0 })
}

func TestRepeatOfDisconnectedClientKeepsHold(t *testing.T) {
	w := newWorld(t)
	w.hold("job", "w1", sessionA)
	w.disconnect(`{"holder":"w1","session":"` + sessionA + `"}`)
	if err := w.stop(); err != nil { // drains: the handler has ended
		t.Fatal(err)
	}
	if w.abandons() != 0 || w.holders("job") != 1 {
		t.Errorf("%d abandoned, %d holders", w.abandons(), w.holders("job"))
	}
}

// undeliverable is a connection that accepts the answer and fails to send it.
type undeliverable struct{ *httptest.ResponseRecorder }

func (undeliverable) FlushError() error { return net.ErrClosed }

func TestUndeliveredGrantIsReleased(t *testing.T) {
	w := newWorld(t)
	acquire := func() {
		r := httptest.NewRequest("POST", "http://127.0.0.1/v1/leases/job/acquire", strings.NewReader(`{"holder":"w1","session":"`+sessionA+`"}`))
		w.server.Handler().ServeHTTP(undeliverable{httptest.NewRecorder()}, r)
	}
	acquire()
	if w.abandons() != 1 || w.holders("job") != 0 {
		t.Errorf("%d abandoned, %d holders", w.abandons(), w.holders("job"))
	}
	w.hold("job", "w1", sessionA)
	acquire()
	if w.abandons() != 1 || w.holders("job") != 1 {
		t.Errorf("after a repeat: %d abandoned, %d holders", w.abandons(), w.holders("job"))
	}
}

func TestShutdownEndsWaitsAndAbandonsNothing(t *testing.T) {
	w := newWorld(t)
	w.hold("job", "w1", sessionA)
	named := w.later("/v1/leases/job/acquire", `{"holder":"w2","session":"`+sessionB+`","wait_ms":60000}`)
	unnamed := w.later("/v1/leases/job/acquire", `{"holder":"w3","wait_ms":60000}`)
	eventually(t, "two wait", func() bool { return w.waiting("job") == 2 })
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	(<-named).want(503, "not-ready").is("definitive", "false", "lost", "", "session", "")
	if a := (<-unnamed).want(503, "not-ready"); len(a.text("session")) != 32 {
		t.Error("the answer does not have the session that the server made")
	}
	if w.abandons() != 0 || w.waiting("job") != 2 {
		t.Errorf("%d abandoned, %d wait", w.abandons(), w.waiting("job"))
	}
}

func TestShutdownLetsOtherRequestsFinish(t *testing.T) {
	w := newWorld(t)
	entered, release := make(chan struct{}), make(chan struct{})
	w.set(func(n *node) { n.onCommand = func(context.Context) { close(entered); <-release } })
	open := w.later("/v1/leases/job/acquire", `{"holder":"w1"}`)
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- w.stop() }()
	eventually(t, "connections are refused", func() bool {
		c, err := net.Dial("tcp", w.addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(release)
	(<-open).want(201)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestDrainEndsAfterTimeout(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.DrainTimeout = 20 * time.Millisecond })
	entered, release := make(chan struct{}), make(chan struct{})
	w.set(func(n *node) { n.onCommand = func(context.Context) { close(entered); <-release } })
	conn := dial(t, w)
	fmt.Fprint(conn, "POST /v1/sessions/release HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 46\r\n\r\n"+`{"session":"`+sessionA+`"}`)
	<-entered
	defer close(release)
	if err := w.stop(); err == nil {
		t.Error("Run returned nil, but a request was open at the end of the drain")
	}
}

func TestARequestHasItsOwnDeadline(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.RequestTimeout = 20 * time.Millisecond })
	w.set(func(n *node) { n.hang = true })
	w.post("/v1/leases/job/renew", `{"session":"`+sessionA+`"}`).want(504, "outcome-unknown").is("definitive", "false")
	if a := w.post("/v1/leases/job/acquire", `{"holder":"w","wait_ms":1}`).want(504, "outcome-unknown"); a.text("session") == "" {
		t.Error("the answer does not have the session that the server made")
	}
}

// dial opens a connection that is closed at the end of the test.
func dial(t *testing.T, w *world) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// raw sends bytes and returns the answer's status and body.
func raw(t *testing.T, w *world, request string) (int, string) {
	t.Helper()
	conn := dial(t, w)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

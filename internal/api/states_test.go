package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/api"
	"github.com/lockd/lockd/internal/api/limits"
	"github.com/lockd/lockd/internal/fsm"
)

// fill creates this number of leases, each with a large meta.
func (w *world) fill(count int) {
	meta := `{"pad":"` + strings.Repeat("x", 4000) + `"}`
	w.set(func(n *node) {
		for i := range count {
			n.apply(&fsm.Acquire{
				Name: fmt.Sprintf("fill-%05d", i), Holder: "w", Session: fmt.Sprintf("session-%08d", i), TTL: fsm.MaxTTL, Limit: 1, Meta: meta,
			})
		}
	})
}

func (w *world) statePages() (pages int) {
	w.set(func(n *node) { pages = n.pages })
	return pages
}

// unreadState opens a watch of the whole state from an address and reads none of it.
func unreadState(t *testing.T, w *world, ip, accept string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}).DialContext(t.Context(), "tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, "GET /v1/watch HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: "+accept+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestAStateOfManyPagesIsOfOneRevision: all pages have the same revision, and are followed by the changes since then.
func TestAStateOfManyPagesIsOfOneRevision(t *testing.T) {
	w := newWorld(t)
	w.fill(7)
	frames := w.stream("/v1/watch")
	for i := range 7 {
		if f := next(t, frames); f.event != "state" || f.id != "7" || f.text("name") != fmt.Sprintf("fill-%05d", i) {
			t.Errorf("%+v", f)
		}
	}
	if f := next(t, frames); f.event != "synced" || f.id != "7" {
		t.Errorf("%+v", f)
	}
	w.expire("fill-00003")
	if f := next(t, frames); f.event != "expired" || f.id != "8" {
		t.Errorf("%+v", f)
	}
	a := w.get("/v1/watch").want(200).is("revision", "8")
	var poll struct{ Events []struct{ Type, Name string } }
	if err := json.Unmarshal(a.body, &poll); err != nil || len(poll.Events) != 6 {
		t.Errorf("a long-poll has %d leases: %v", len(poll.Events), err)
	}
	if a := w.send(http.MethodHead, "/v1/watch", "").want(200); len(a.body) != 0 {
		t.Errorf("HEAD: %s", a.body)
	}
}

// TestStateIsProducedWhileItIsRead: for a client that does not read, only some pages are produced, and it is
// disconnected.
func TestStateIsProducedWhileItIsRead(t *testing.T) {
	for _, accept := range []string{"text/event-stream", "application/json"} {
		w := newWorld(t, func(c *api.Config) { c.WriteTimeout = 100 * time.Millisecond })
		w.fill(10_000)
		unreadState(t, w, "127.0.0.1", accept)
		eventually(t, "the client is disconnected", func() bool { return w.statePages() > 0 && w.watchers() == 0 })
		if pages := w.statePages(); pages >= 5_000 {
			t.Errorf("%s: the whole state was produced: %d pages", accept, pages)
		}
	}
}

// TestSlowStateReaderIsDisconnected: a client that reads so slowly that only its single writes succeed is disconnected.
func TestSlowStateReaderIsDisconnected(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.WriteTimeout = time.Second })
	w.fill(10_000)
	conn := unreadState(t, w, "127.0.0.1", "text/event-stream")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for buf := make([]byte, 8<<10); ; time.Sleep(50 * time.Millisecond) {
			if _, err := conn.Read(buf); err != nil {
				return
			}
		}
	}()
	eventually(t, "the client is disconnected", func() bool { return w.statePages() > 0 && w.watchers() == 0 })
	conn.Close()
	<-ended
}

// TestConcurrentStatesAreBounded: watches over the bound wait, and one address cannot use all places.
func TestConcurrentStatesAreBounded(t *testing.T) {
	if l, err := net.Listen("tcp", "127.0.0.2:0"); err != nil {
		t.Skipf("this host has no second loopback address: %v", err)
	} else {
		l.Close()
	}
	w := newWorld(t, func(c *api.Config) { c.RequestTimeout = 200 * time.Millisecond })
	w.fill(4_000)
	var open []net.Conn
	for range limits.MaxStatesPerIP {
		open = append(open, unreadState(t, w, "127.0.0.1", "text/event-stream"))
	}
	eventually(t, "all states are being sent", func() bool { return w.watchers() == limits.MaxStatesPerIP && w.statePages() >= limits.MaxStatesPerIP })
	if a := w.get("/v1/watch").want(429, "rate-limited"); a.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	w.get("/v1/watch?name=fill-00001").want(200)
	w.get("/v1/watch?after=4000&wait_ms=0").want(200)
	other := unreadState(t, w, "127.0.0.2", "text/event-stream")
	b := make([]byte, 15)
	if _, err := io.ReadFull(other, b); err != nil || string(b) != "HTTP/1.1 200 OK" {
		t.Errorf("the answer to another address is %q %v", b, err)
	}
	for _, conn := range open {
		conn.Close()
	}
	eventually(t, "a place is free again", func() bool { return w.get("/v1/watch").status == 200 })
}

package api_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/api"
	"github.com/lockd/lockd/internal/fsm"
)

// frame is one server-sent event.
type frame struct {
	t               testing.TB
	id, event, data string
}

// text returns a member of the data.
func (f frame) text(member string) string {
	f.t.Helper()
	return (&answer{t: f.t, body: []byte(f.data)}).text(member)
}

// stream opens a stream and returns its frames. The channel is closed at the end of the stream.
func (w *world) stream(path string, headers ...string) <-chan frame {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), "GET", w.url+path, nil)
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := w.client.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		w.Fatalf("%s: %d %v", path, resp.StatusCode, resp.Header)
	}
	w.Cleanup(func() { resp.Body.Close() })
	frames := make(chan frame, 100)
	go func() {
		defer close(frames)
		f := frame{t: w.T}
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			field, value, _ := strings.Cut(s.Text(), ": ")
			switch field {
			case "id":
				f.id = value
			case "event":
				f.event = value
			case "data":
				f.data = value
			case "":
				if f.event != "" {
					frames <- f
				}
				f = frame{t: w.T}
			}
		}
	}()
	return frames
}

func next(t *testing.T, frames <-chan frame) frame {
	t.Helper()
	select {
	case f, ok := <-frames:
		if !ok {
			t.Fatal("the stream has ended")
		}
		checkEvent(t, f)
		return f
	case <-time.After(10 * time.Second):
		t.Fatal("no event")
	}
	return frame{}
}

// checkEvent checks that a frame's data matches the contract.
func checkEvent(t *testing.T, f frame) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(f.data), &v); err != nil {
		t.Fatal(err)
	}
	doc := contract(t).doc
	if err := doc.ValidateSchemaJSON(doc.Components.Schemas["Event"].Value, v); err != nil {
		t.Errorf("%s: %v", f.data, err)
	}
	if f.text("type") != f.event || f.text("revision") != f.id {
		t.Errorf("the frame %s %s has the data %s", f.id, f.event, f.data)
	}
}

func TestStreamBeginsWithStateAndContinuesWithChanges(t *testing.T) {
	w := newWorld(t)
	token := w.hold("a.1", "w1", sessionA)
	w.hold("b.1", "w1", sessionA)
	frames := w.stream("/v1/watch?prefix=a.")
	f := next(t, frames)
	if f.event != "state" || f.id != "2" || !strings.Contains(f.data, `"lease":{"name":"a.1","state":"held"`) {
		t.Errorf("%+v", f)
	}
	if f := next(t, frames); f.event != "synced" || f.id != "2" {
		t.Errorf("%+v", f)
	}
	w.post("/v1/leases/b.1/release", `{"session":"`+sessionA+`"}`).want(200)
	w.post("/v1/leases/a.1/release", `{"session":"`+sessionA+`","token":`+token+`}`).want(200)
	if f := next(t, frames); f.event != "released" || f.text("name") != "a.1" || f.text("token") != token {
		t.Errorf("%+v", f)
	}
}

func TestStreamResumes(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.hold("job", "w", strings.Repeat(string(rune('a'+i)), 16))
		w.expire("job")
	}
	frames := w.stream("/v1/watch?name=job&after=1", "Last-Event-ID", "4") // the header takes precedence
	for i, want := range []string{"acquired", "expired"} {
		if f := next(t, frames); f.event != want || f.id != []string{"5", "6"}[i] {
			t.Errorf("%+v", f)
		}
	}
}

func TestStreamMarksAndEndsWithTheServer(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.MarkInterval = 5 * time.Millisecond })
	frames := w.stream("/v1/watch?name=other&after=0")
	w.hold("job", "w1", sessionA)
	for f := next(t, frames); f.id != "1"; f = next(t, frames) {
		if f.event != "mark" || f.id != "0" {
			t.Fatalf("%+v", f)
		}
	}
	eventually(t, "the watcher is counted", func() bool { return w.watchers() == 1 })
	if !strings.Contains(string(w.get("/metrics").want(200).body), "lockd_watchers 1") {
		t.Error("lockd_watchers does not count the stream")
	}
	if err := w.stop(); err != nil {
		t.Errorf("the stream did not end with the server: %v", err)
	}
	for f := range frames {
		if f.event != "mark" {
			t.Errorf("%+v", f)
		}
	}
	if w.watchers() != 0 {
		t.Error("the watcher is still counted")
	}
}

// TestAStreamEndsWithAMark: a stream ends with a mark, even if the server stops while it sends events.
func TestAStreamEndsWithAMark(t *testing.T) {
	for range 20 {
		w := newWorld(t, func(c *api.Config) { c.MarkInterval = time.Hour })
		frames := w.stream("/v1/watch?name=job&after=0")
		w.hold("job", "w1", sessionA)
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		var got []string
		for f := range frames {
			got = append(got, f.event+" "+f.id)
		}
		if !slices.Contains(got, "acquired 1") || got[len(got)-1] != "mark 1" {
			t.Fatalf("events are %v", got)
		}
	}
}

func TestWatchFromUnavailableRevision(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.MarkInterval = 5 * time.Millisecond })
	w.hold("job", "w1", sessionA)
	running := w.stream("/v1/watch?name=none&after=1")
	w.set(func(n *node) { n.dropped = 3 })
	for f := next(t, running); f.event != "gone"; f = next(t, running) {
		if f.event != "mark" {
			t.Fatalf("%+v", f)
		}
	}
	if _, open := <-running; open {
		t.Error("the stream continues after gone")
	}
	w.get("/v1/watch?after=1").want(410, "gone").is("oldest", "3", "current", "1")
	w.get("/v1/watch?after=1", "Accept", "text/event-stream").want(410, "gone")
}

func TestPoll(t *testing.T) {
	w := newWorld(t)
	w.hold("job", "w1", sessionA)
	w.get("/v1/watch").want(200).is("events.0.type", "state", "events.0.lease.holder", "w1", "events.1", "", "revision", "1")
	w.get("/v1/watch?name=job&prefix=").want(200).is("events.0.name", "job")
	w.get("/v1/watch?name=job&prefix=jo").want(200).is("events.0.name", "job")
	w.get("/v1/watch?name=job&prefix=no").want(200).is("events", "[]")
	w.get("/v1/watch?name=other").want(200).is("events.0.lease.state", "free", "events.1", "", "revision", "1")
	w.get("/v1/watch?after=0").want(200).is("events.0.type", "acquired", "events.0.vacancy_ms", "", "revision", "1")
	w.get("/v1/watch?after=1&wait_ms=0").want(200).is("events", "[]", "revision", "1")
	w.get("/v1/watch?after=0&name=other&wait_ms=1").want(200).is("events", "[]", "revision", "1")

	done := make(chan *answer, 1)
	go func() { a, _ := w.try("GET", "/v1/watch?after=1&prefix=j", ""); done <- a }()
	eventually(t, "the watch is open", func() bool { return w.watchers() == 1 })
	w.expire("job")
	(<-done).want(200).is("events.0.type", "expired", "revision", "2")
}

func TestPollsEndWithTheServer(t *testing.T) {
	w := newWorld(t)
	done := make(chan *answer, 1)
	go func() { a, _ := w.try("GET", "/v1/watch?after=0", ""); done <- a }()
	eventually(t, "the watch is open", func() bool { return w.watchers() == 1 })
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	(<-done).want(200).is("events", "[]", "revision", "0")
}

func TestWatchersAreBounded(t *testing.T) {
	w := newWorld(t)
	w.set(func(n *node) { n.crowded = true })
	w.get("/v1/watch").want(429, "rate-limited")
}

func TestSlowReaderIsDisconnected(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.WriteTimeout = 50 * time.Millisecond })
	padding := "y" + strings.Repeat("x", 4000)
	w.hold("big", "w", sessionA)
	conn := dial(t, w)
	if _, err := conn.Write([]byte("GET /v1/watch HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the watch is open", func() bool { return w.watchers() == 1 })
	// The client never reads. It is disconnected when the buffers are full.
	eventually(t, "the client is disconnected", func() bool {
		w.set(func(n *node) {
			for range 256 {
				padding = padding[1:] + padding[:1]
				meta := `{"pad":"` + padding + `"}`
				n.apply(&fsm.Renew{Name: "big", Session: sessionA, Meta: &meta})
			}
		})
		return w.watchers() == 0
	})
}

package lockd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// fake is a cluster in memory: each host is a handler. It opens no socket, so it works with the
// fake time of a synctest bubble.
type fake map[string]http.HandlerFunc

func (f fake) RoundTrip(r *http.Request) (*http.Response, error) {
	h := f[r.URL.Hostname()]
	if h == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	answered := make(chan bool, 1)
	go func() {
		defer func() { answered <- recover() == nil }()
		h(rec, r)
	}()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case whole := <-answered:
		if !whole {
			return nil, io.ErrUnexpectedEOF
		}
		return rec.Result(), nil
	}
}

// client returns a Client of the fake's hosts, in this order.
func (f fake) client(t *testing.T, hosts ...string) *Client {
	t.Helper()
	c := mustNew(t, Config{Addresses: hosts, Session: "session-0123456789", Holder: "me",
		HTTPClient: &http.Client{Transport: f}})
	c.clock = fakeClock
	t.Cleanup(func() { waitForPendingReleases(c) })
	return c
}

// waitForPendingReleases waits until no release is pending in the background.
func waitForPendingReleases(c *Client) {
	for {
		c.locks.mu.Lock()
		var one *pendingRelease
		for _, d := range c.locks.pending {
			select {
			case <-d.done: // it is not repeated in the background any more
			default:
				one = d
			}
		}
		c.locks.mu.Unlock()
		if one == nil {
			return
		}
		<-one.done
	}
}

func mustNew(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Handlers that simulate the failures of the API.

func silence(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func cut(http.ResponseWriter, *http.Request) { panic("cut") }

func problemOf(status int, kind, more string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"type":"/problems/%s","status":%d,"title":"title of %s","definitive":%t%s}`,
			kind, status, kind, status < 500 || status == 503, more)
	}
}

var (
	noLeader = problemOf(503, TypeNoLeader, "")
	unknown  = problemOf(504, TypeOutcomeUnknown, "")
	lost     = problemOf(409, TypeNotHolder, `,"lost":true`)
	held     = problemOf(409, TypeHeld, `,"lease":{"name":"job","state":"held","holder":"you","token":6,"queue_length":2}`)
)

// lockTable is a small server: it grants, renews and releases one name.
type lockTable struct {
	// mu guards the fields below.
	mu      sync.Mutex
	token   uint64
	session string // of the holder; "": free
	ttl     Millis
	calls   map[string]int
}

func (l *lockTable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Session string `json:"session"`
		Holder  string `json:"holder"`
		TTL     Millis `json:"ttl_ms"`
		Token   uint64 `json:"token"`
	}
	json.NewDecoder(r.Body).Decode(&body)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls == nil {
		l.calls = map[string]int{}
	}
	l.calls[r.URL.Path]++
	switch r.URL.Path {
	case "/v1/leases/job/acquire":
		switch l.session {
		case "":
			l.token++
			l.session, l.ttl = body.Session, body.TTL
			if l.ttl == 0 {
				l.ttl = 15_000
			}
			l.grant(w, 201)
		case body.Session:
			l.grant(w, 200)
		default:
			held(w, r)
		}
	case "/v1/leases/job/renew":
		if l.session != body.Session || body.Token != 0 && body.Token != l.token {
			lost(w, r)
			return
		}
		if body.TTL != 0 {
			l.ttl = body.TTL
		}
		l.grant(w, 200)
	case "/v1/leases/job/release":
		was := l.session == body.Session
		if was {
			l.session = ""
		}
		fmt.Fprintf(w, `{"name":"job","was_held":%t,"held_ms":7,"revision":9}`, was)
	default:
		http.NotFound(w, r)
	}
}

func (l *lockTable) grant(w http.ResponseWriter, status int) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(Grant{Name: "job", Holder: "me", Session: l.session, Token: l.token, TTL: l.ttl,
		ExpiresIn: l.ttl - (l.ttl+999)/1000, RenewIn: l.ttl / 3, Previous: &Previous{Holder: "old", Token: 1, End: "expired"}})
}

// lose ends the hold without notice to the holder.
func (l *lockTable) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session = ""
}

func (l *lockTable) count(verb string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls["/v1/leases/job/"+verb]
}

func (l *lockTable) holder() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session
}

// gate is a handler that can be replaced while it is in use.
type gate struct {
	// mu guards h.
	mu sync.Mutex
	h  http.HandlerFunc
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	h := g.h
	g.mu.Unlock()
	h(w, r)
}

func (g *gate) set(h http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.h = h
}

// fakeClock is the clock of a synctest bubble, which has no boot time.
func fakeClock() instant {
	now := time.Now()
	return instant{at: now, wall: now.Round(0)}
}

// jumpingClock is a clock whose wall part can jump.
type jumpingClock struct {
	// mu guards by.
	mu sync.Mutex
	by time.Duration
}

func (j *jumpingClock) now() instant {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := fakeClock()
	i.wall = i.wall.Add(j.by)
	return i
}

func (j *jumpingClock) jump(by time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.by += by
}

func readBody(r *http.Request) string {
	b, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(b))
	return string(b)
}

func background() context.Context { return context.Background() }

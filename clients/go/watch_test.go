package lockd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// stream returns a handler that sends one text and ends. It records the queries.
func stream(queries *[]string, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		*queries = append(*queries, r.URL.RawQuery)
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, text)
	}
}

const firstPart = `:hello

event: state
id: 9
data: {"revision":9,"type":"state","name":"p.a","lease":{"name":"p.a","state":"held","revision":9,"holder":"x","token":9}}

event: synced
id: 12
data: {"revision":12}

id: 13
event: released
data: {"revision":13,"type":"released","name":"p.a",
data:  "holder":"x","token":9,"held_ms":50,"at":"2026-01-02T03:04:05Z"}

event: mark
id: 20
data: {"revision":20}

id: 21
event: acquired
data: {"revision":21,"type":"acqu`

const secondPart = `event: acquired
data: {"revision":21,"type":"acquired","name":"p.a","holder":"y","token":21,"at":1767323045000,"vacancy_ms":3}

`

func TestWatchResumesElsewhere(t *testing.T) {
	var queries []string
	a := httptest.NewServer(stream(&queries, firstPart))
	defer a.Close()
	b := httptest.NewServer(stream(&queries, secondPart))
	defer b.Close()
	c := mustNew(t, Config{Addresses: []string{a.URL, b.URL}})

	var got []string
	for e, err := range c.Watch(background(), WatchOptions{Prefix: "p."}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(e.Type, " ", e.Revision, " ", e.Holder))
		switch e.Type {
		case EventState:
			if e.Lease == nil || e.Lease.State != "held" {
				t.Errorf("the state is %+v", e.Lease)
			}
		case EventReleased, EventAcquired:
			if e.At.Unix() < 1767323045 || e.At.Unix() > 1767323045+366*86400 {
				t.Errorf("%s at %v", e.Type, e.At)
			}
		}
		if e.Type == EventAcquired {
			break
		}
	}
	if want := "[state 9 x synced 12  released 13 x acquired 21 y]"; fmt.Sprint(got) != want {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if want := "[prefix=p. after=20&prefix=p.]"; fmt.Sprint(queries) != want {
		t.Errorf("got the queries %v, want %v", queries, want)
	}
}

// If the connection breaks during the states at the start, the watch starts again.
func TestWatchBeginsAgain(t *testing.T) {
	var queries []string
	beginning, _, _ := strings.Cut(firstPart, "event: synced")
	a := httptest.NewServer(stream(&queries, beginning))
	defer a.Close()
	b := httptest.NewServer(stream(&queries, firstPart))
	defer b.Close()
	states := 0
	for e, err := range mustNew(t, Config{Addresses: []string{a.URL, b.URL}}).Watch(background(), WatchOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == EventState {
			states++
		}
		if e.Type == EventSynced {
			break
		}
	}
	if states != 2 || fmt.Sprint(queries) != "[ ]" {
		t.Errorf("%d states, queries %q", states, queries)
	}
}

// A node refuses the second connection of a watch because of a limit. The watch continues after Retry-After.
func TestWatchContinuesAfterALimit(t *testing.T) {
	var queries []string
	var refused time.Time
	limit := problemOf(429, TypeRateLimited, "")
	answers := []http.HandlerFunc{
		stream(&queries, firstPart),
		func(w http.ResponseWriter, r *http.Request) {
			refused = time.Now()
			w.Header().Set("Retry-After", "1")
			limit(w, r)
		},
		stream(&queries, secondPart),
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next := answers[0]
		answers = answers[1:]
		next(w, r)
	}))
	defer srv.Close()
	for e, err := range mustNew(t, Config{Addresses: []string{srv.URL}, Token: "a-token"}).Watch(background(), WatchOptions{Prefix: "p."}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == EventAcquired {
			break
		}
	}
	if took := time.Since(refused); refused.IsZero() || took < time.Second {
		t.Errorf("the watch continued after %v", took)
	}
	if want := "[prefix=p. after=20&prefix=p.]"; fmt.Sprint(queries) != want {
		t.Errorf("got the queries %v, want %v", queries, want)
	}
	answers = []http.HandlerFunc{limit}
	for _, err := range mustNew(t, Config{Addresses: []string{srv.URL}}).Watch(background(), WatchOptions{}) {
		var e *Error
		if !errors.As(err, &e) || e.Status != 429 {
			t.Errorf("a watch that has not begun: %v", err)
		}
	}
}

func TestWatchGone(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"at once": problemOf(410, TypeGone, `,"oldest":100,"current":200`),
		"in a stream": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "event: gone\ndata: {\"type\":\"/problems/gone\",\"oldest\":100,\"current\":200}\n\n")
		},
	} {
		srv := httptest.NewServer(h)
		defer srv.Close()
		n := 0
		for _, err := range mustNew(t, Config{Addresses: []string{srv.URL}}).Watch(background(), WatchOptions{After: 5}) {
			n++
			var gone *GoneError
			if !errors.As(err, &gone) || gone.Oldest != 100 || gone.Current != 200 {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d pairs", name, n)
		}
	}
}

func TestWatchEnds(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, ":\n\nevent: synced\ndata: {}\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer srv.Close()
	c := mustNew(t, Config{Addresses: []string{srv.URL}})
	ctx, cancel := context.WithCancel(background())
	defer cancel()
	var last error
	for _, err := range c.Watch(ctx, WatchOptions{}) {
		last = err
		cancel()
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("got %v", last)
	}

	bad := httptest.NewServer(problemOf(400, TypeInvalid, ""))
	defer bad.Close()
	for _, err := range mustNew(t, Config{Addresses: []string{bad.URL}}).Watch(background(), WatchOptions{}) {
		var e *Error
		if !errors.As(err, &e) || e.Status != 400 {
			t.Errorf("got %v", err)
		}
	}
	for _, err := range mustNew(t, Config{Addresses: []string{"127.0.0.1:1"}, RetryFor: -1}).Watch(background(), WatchOptions{}) {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
}

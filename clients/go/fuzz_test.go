package lockd

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzSSE checks that a stream is read to its end, with the same messages however its bytes are
// split. A watcher returns events or an error, and never resumes from an earlier revision.
func FuzzSSE(f *testing.F) {
	for _, s := range []string{
		"", "retry: 1000\n\n", "id: 3\nevent: acquired\ndata: {\"revision\":3,\"type\":\"acquired\",\"name\":\"a\",\"token\":3}\n\n",
		": alive\n\nid: 4\nevent: mark\ndata: {\"revision\":4,\"type\":\"mark\"}\n\n",
		"event: gone\ndata: {\"oldest\":7,\"current\":9}\n\n", "event: gone\ndata: [\n\n",
		"id: 5\r\nevent: state\r\ndata: {\"revision\":5,\r\ndata: \"lease\":{\"holder\":\"x\",\"token\":4}}\r\n\r\n",
		"data\n\n", "id: -1\nevent: mark\n\n", "id: 18446744073709551616\nevent: mark\n\n", "data: {\"revision\":1e400}\n\n",
		"data: {\"at\":\"never\",\"held_ms\":-9223372036854775808}\n\n", "event: acquired\n", "\xef\xbb\xbfdata: {}\n\n", "data: {}\n\n\n\n:\n",
		"data:{\"type\":\"released\",\"revision\":9007199254740993}\n\n", "\x00\n\n", "data: " + strings.Repeat("[", 20_000) + "\n\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole, err := messages(bytes.NewReader(stream))
		if !errors.Is(err, io.EOF) {
			t.Fatalf("the stream ends with %v", err)
		}
		pieces, _ := messages(iotest.OneByteReader(bytes.NewReader(stream)))
		if !slices.EqualFunc(whole, pieces, func(a, b message) bool {
			return a.id == b.id && a.event == b.event && bytes.Equal(a.data, b.data)
		}) {
			t.Errorf("at once %q, and in pieces %q", whole, pieces)
		}
		watched(t, whole)
	})
}

func messages(r io.Reader) (all []message, err error) {
	err = readSSE(r, func(m message) error {
		all = append(all, m)
		return nil
	})
	return all, err
}

// watched passes messages to a watcher, as the stream does.
func watched(t *testing.T, all []message) {
	t.Helper()
	w := &watcher{yield: func(e Event, err error) bool {
		if err != nil || e.Type == "" || e.Type == eventMark || e.Type == eventGone {
			t.Errorf("the watcher yields %+v, %v", e, err)
		}
		return true
	}}
	for _, m := range all {
		before := w.after
		err := w.handle(m)
		if w.after < before {
			t.Errorf("%q moves the resume revision back from %d to %d", m, before, w.after)
		}
		if err != nil {
			return // the watcher starts again with another stream, or returns the error
		}
	}
}

// FuzzProblem checks that a refusal is read with the worst assumptions: a response that does not
// contain definitive or lost never counts as definitive or as a loss.
func FuzzProblem(f *testing.F) {
	for _, s := range []string{
		"", "<html>\nbad gateway", "null", "[]", `{"type":"/problems/held","definitive":true,"lease":{"name":"a","holders":[{}]}}`,
		`{"type":"/problems/not-holder","definitive":true,"lost":true}`, `{"type":"/problems/outcome-unknown","definitive":false}`,
		`{"type":"/problems/gone","oldest":7,"current":9}`, `{"type":"gone"}`, `{"type":"a/b/"}`, `{"definitive":null}`, `{"definitive":1}`,
		`{"type":"/problems/invalid","errors":[{"field":"ttl_ms","reason":"must be more"}]}`, `{"errors":{"ttl_ms":"x"}}`,
		`{"queued":true,"position":1e400}`, `{"queued":true,"position":-1,"ticket_expires_in_ms":9223372036854775807}`,
		`{"detail":"\ud800","lost":true,"lost":false}`, strings.Repeat("é", 300), strings.Repeat("[", 20_000),
	} {
		for _, status := range []int{400, 409, 410, 429, 500, 503, 504} {
			f.Add(status, "1", []byte(s))
		}
		f.Add(409, "-1", []byte(s))
		f.Add(429, "9223372036854775807", []byte(s))
		f.Add(503, "Wed, 21 Oct 2026 07:28:00 GMT", []byte(s))
	}
	f.Fuzz(func(t *testing.T, status int, after string, body []byte) {
		wait := retryAfter(map[string][]string{"Retry-After": {after}})
		if wait < 0 {
			t.Errorf("Retry-After: %s is %v", after, wait)
		}
		err := parseProblem(status, wait, body)
		if err.Error() == "" {
			t.Errorf("%d %q has an empty error text", status, body)
		}
		var e *Error
		var unknown *UnknownError
		switch {
		case errors.As(err, &unknown):
			if errors.Is(err, ErrUnavailable) {
				t.Errorf("%d %q may have been applied, but counts as refused", status, body)
			}
		case errors.As(err, &e):
			present := bytes.Contains(bytes.ToLower(body), []byte(`"definitive"`)) || bytes.Contains(body, []byte(`\u`))
			if !e.Definitive || status >= 500 && !present {
				t.Errorf("%d %q counts as definitive: %+v", status, body, e)
			}
		}
		if lost := bytes.Contains(bytes.ToLower(body), []byte("lost")) || bytes.Contains(body, []byte(`\u`)); errors.Is(err, ErrLost) && !lost {
			t.Errorf("%d %q counts as a loss", status, body)
		}
	})
}

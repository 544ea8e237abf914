package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const explanation = `{"name":"job","state":"held","revision":7,"summary":"w1 has held it for 4s (token 3). 1 waiter is before your session.",
"available":false,"available_in_ms":13800,"blocking":[{"cause":"held","holder":"w1","token":3,"slot":0,"detail":"w1 has held it for 4s (token 3)."}],
"waiters":2,"session":{"state":"waits","position":2,"before":[{"holder":"w2\u001b[2J","priority":0,"waiting_ms":310}],"detail":"1 waiter is before your session."},
"last_end":{"holder":"w0","token":1,"how":"expired","revision":2,"detail":"w0 (token 1) stopped renewing, and the hold ended by its TTL after 15s."},
"sooner":[{"action":"release","token":3,"detail":"w1 releases it."},{"action":"break","token":3,"command":"lockd break job --token 3 --reason '...'","detail":"End the hold of w1."}]}`

// TestExplain: the session is sent in a header, and texts of others do not control the terminal.
func TestExplain(t *testing.T) {
	var uri, session string
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uri, session = r.URL.RequestURI(), r.Header.Get("Lockd-Session")
		_, _ = w.Write([]byte(explanation))
	}))
	t.Cleanup(node.Close)
	r := command("", "explain", "job", "--session", "w2-session-0123456789", "--addr", node.URL)
	want := `job (held): w1 has held it for 4s (token 3). 1 waiter is before your session.

Before your session:
- w2\u001b[2J

The last hold: w0 (token 1) stopped renewing, and the hold ended by its TTL after 15s.

What would free it sooner:
- w1 releases it.
- End the hold of w1.
      lockd break job --token 3 --reason '...'
`
	if r.code != exitOK || r.out != want {
		t.Errorf("code %d, %s\n%s\nwant\n%s", r.code, r.errOut, r.out, want)
	}
	if uri != "/v1/leases/job/explain" || session != "w2-session-0123456789" {
		t.Errorf("%s with the session %q", uri, session)
	}
	var e struct{ Summary string }
	if r := command("", "explain", "job", "-o", "json", "--addr", node.URL); json.Unmarshal([]byte(r.out), &e) != nil || !strings.HasPrefix(e.Summary, "w1 has held it") {
		t.Errorf("as JSON: %s", r.out)
	}
	if session != "" {
		t.Errorf("without a session, %q is sent", session)
	}
}

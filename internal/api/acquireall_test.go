package api_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

func TestAcquireAllOrNone(t *testing.T) {
	w := newWorld(t)
	all := func(names, session string) *answer {
		return w.post("/v1/acquire", `{"names":[`+names+`],"holder":"w1","session":"`+session+`","ttl_ms":20000,"meta":{"job":7}}`)
	}
	all(`"a","b"`, sessionA).want(201).is("holder", "w1", "session", sessionA, "ttl_ms", "20000", "expires_in_ms", "19980",
		"renew_in_ms", "6666", "waited_ms", "0", "meta.job", "7", "revision", "2",
		"leases.0.name", "a", "leases.0.token", "1", "leases.0.slot", "0", "leases.1.name", "b", "leases.1.token", "2")
	w.get("/v1/leases/b").want(200).is("holder", "w1", "token", "2", "holders.0.meta.job", "7")
	all(`"b","a"`, sessionA).want(200).is("leases.0.token", "2", "leases.1.token", "1")

	a := all(`"c","b","a"`, sessionB).want(409, "held")
	a.is("definitive", "true", "lost", "", "detail", "No lease was acquired. Blocked by: b (held by w1), a (held by w1).", "lease", "",
		"leases.0.name", "b", "leases.0.holder", "w1", "leases.0.token", "2", "leases.1.name", "a", "leases.2", "")
	if w.holders("c") != 0 {
		t.Error("some of the leases were acquired")
	}

	w.post("/v1/sessions/release", `{"session":"`+sessionA+`"}`).want(200).is("released.1.name", "b")
	all(`"c","b"`, sessionB).want(201).is("leases.0.previous", "", "leases.1.previous.holder", "w1", "leases.1.previous.end", "released")
	all(`"c","d"`, sessionB).want(201).is("leases.1.name", "d")
	w.post("/v1/acquire", `{"names":["c"],"holder":"other","session":"`+sessionB+`"}`).want(409, "session-in-use")
	w.hold("pool", "w9", sessionC, `,"limit":2`)
	all(`"e","pool"`, sessionA).want(409, "limit-mismatch").is("leases.0.limit", "2")
	w.post("/v1/leases/c/release", `{"session":"`+sessionB+`","delay_ms":5000}`).want(200)
	all(`"c"`, sessionA).want(409, "delayed").is("leases.0.state", "delayed", "leases.0.available_in_ms", "5000")
}

func TestAcquireAllMakesASession(t *testing.T) {
	w := newWorld(t)
	if s := w.post("/v1/acquire", `{"names":["a"],"holder":"w1"}`).want(201).text("session"); len(s) != 32 {
		t.Errorf("the answer has session %q, want 32 characters", s)
	}
	if s := w.post("/v1/acquire", `{"names":["a"],"holder":"w2"}`).want(409, "held").text("session"); len(s) != 32 {
		t.Errorf("the answer has session %q, want 32 characters: the caller needs it for a repeat", s)
	}
	w.set(func(n *node) { n.fail = fsm.ErrUnknown })
	if s := w.post("/v1/acquire", `{"names":["a"],"holder":"w2"}`).want(504, "outcome-unknown").text("session"); len(s) != 32 {
		t.Errorf("the answer has session %q, want 32 characters: the caller needs it for a repeat", s)
	}
}

func TestAcquireAllRefusesInvalidNames(t *testing.T) {
	w := newWorld(t)
	if n := len(w.post("/v1/acquire", `{"names":[1,{},"b"],"holder":"w1"}`).want(400, "invalid").at("errors").([]any)); n != 2 {
		t.Errorf("%d field errors for two names", n)
	}
	for names, field := range map[string]string{
		`[]`: "names", `["a","a"]`: "names[1]", `["a","-"]`: "names[1]", `["a",1]`: "names[1]",
		`[` + strings.Repeat(`"n",`, fsm.MaxNames) + `"m"]`: "names",
	} {
		w.post("/v1/acquire", `{"names":`+names+`,"holder":"w1"}`).want(400, "invalid").is("errors.0.field", field)
	}
}

// TestUndeliveredGrantsOfSeveralAreReleased: new holds are released, and a hold that the session had before is kept.
func TestUndeliveredGrantsOfSeveralAreReleased(t *testing.T) {
	w := newWorld(t)
	w.hold("b", "w1", sessionA)
	r := httptest.NewRequest("POST", "http://127.0.0.1/v1/acquire", strings.NewReader(`{"names":["a","b","c"],"holder":"w1","session":"`+sessionA+`"}`))
	w.server.Handler().ServeHTTP(undeliverable{httptest.NewRecorder()}, r)
	if w.abandons() != 3 || w.holders("a")+w.holders("c") != 0 || w.holders("b") != 1 {
		t.Errorf("%d abandoned; a, b, c have %d, %d, %d holders", w.abandons(), w.holders("a"), w.holders("b"), w.holders("c"))
	}
}

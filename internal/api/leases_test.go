package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/api"
	"github.com/lockd/lockd/internal/fsm"
)

func TestAcquireCreatesHold(t *testing.T) {
	w := newWorld(t)
	a := w.post("/v1/leases/job/acquire", `{"holder":"w1"}`).want(201)
	a.is("name", "job", "holder", "w1", "slot", "0", "token", "1", "ttl_ms", "15000", "expires_in_ms", "14985",
		"renew_in_ms", "5000", "waited_ms", "0", "revision", "1", "previous", "")
	if s := a.text("session"); len(s) != 32 {
		t.Errorf("the answer has session %q, want 32 characters", s)
	}
	if a.header.Get("Lockd-Revision") != "1" || a.header.Get("Lockd-Node") != "n1" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", a.header)
	}
}

func TestAcquireAcceptsAllMembers(t *testing.T) {
	w := newWorld(t)
	w.post("/v1/leases/job/acquire", `{"holder":"w1","session":"`+sessionA+`","ttl_ms":30000,"wait_ms":0,"delay_ms":10,
		"limit":3,"meta":{ "url" : "http://a/?x=<1>&y", "n": [1, {"k": null}] }}`).want(201).is("session", sessionA, "ttl_ms", "30000")
	w.get("/v1/leases/job").want(200).is("limit", "3", "holders.0.meta.url", "http://a/?x=<1>&y", "holders.0.ttl_ms", "30000")
}

func TestRepeatedAcquireReturnsSameHold(t *testing.T) {
	w := newWorld(t)
	token := w.hold("job", "w1", sessionA)
	w.post("/v1/leases/job/acquire", `{"holder":"w1","session":"`+sessionA+`","ttl_ms":20000}`).want(200).
		is("token", token, "ttl_ms", "20000")
}

func TestAcquireReportsPreviousHold(t *testing.T) {
	w := newWorld(t)
	token := w.hold("job", "w1", sessionA)
	w.expire("job")
	w.post("/v1/leases/job/acquire", `{"holder":"w2"}`).want(201).
		is("previous.holder", "w1", "previous.token", token, "previous.end", "expired")
}

func TestAcquireRefused(t *testing.T) {
	w := newWorld(t)
	token := w.hold("job", "w1", sessionA)
	acquire := func(body string) *answer { return w.post("/v1/leases/job/acquire", body) }

	a := acquire(`{"holder":"w2"}`).want(409, "held")
	a.is("definitive", "true", "lost", "", "lease.holder", "w1", "lease.token", token, "lease.state", "held",
		"lease.holder_count", "1", "lease.queue_length", "0", "queued", "")
	if len(a.text("session")) != 32 {
		t.Error("the answer does not have the session that the server made")
	}
	acquire(`{"holder":"w2","session":"`+sessionB+`"}`).want(409, "held").is("session", "")
	acquire(`{"holder":"w2","limit":2}`).want(409, "limit-mismatch").is("lease.limit", "1")
	acquire(`{"holder":"w2","session":"`+sessionA+`"}`).want(409, "session-in-use")

	w.post("/v1/leases/job/break", `{"token":`+token+`,"reason":"gone"}`).want(202)
	acquire(`{"holder":"w1","session":"`+sessionA+`"}`).want(409, "broken").is("lost", "true")

	w.post("/v1/leases/cron/acquire", `{"holder":"w1","session":"`+sessionA+`"}`).want(201)
	w.post("/v1/leases/cron/release", `{"session":"`+sessionA+`","delay_ms":5000}`).want(200)
	w.post("/v1/leases/cron/acquire", `{"holder":"w1"}`).want(409, "delayed").
		is("lease.state", "delayed", "lease.available_in_ms", "5000")
}

func TestAConflictShowsAtMostSixteen(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		w.post("/v1/leases/pool/acquire", fmt.Sprintf(`{"holder":"w%d","limit":20}`, i)).want(201)
	}
	a := w.post("/v1/leases/pool/acquire", `{"holder":"x","limit":20}`).want(409, "held").is("lease.holder_count", "20")
	if n := len(a.at("lease", "holders").([]any)); n != fsm.MaxShown {
		t.Errorf("%d holders are shown", n)
	}
	if n := len(w.get("/v1/leases/pool").at("holders").([]any)); n != 20 {
		t.Errorf("a read shows %d holders", n)
	}
}

func TestQueueFullIs429(t *testing.T) {
	w := newWorld(t)
	w.hold("job", "w1", sessionA)
	w.set(func(n *node) {
		for i := range fsm.MaxQueue {
			n.apply(&fsm.Acquire{Name: "job", Holder: "x", Session: fmt.Sprintf("%032d", i), TTL: 15000, Wait: 60000, Limit: 1})
		}
	})
	a := w.post("/v1/leases/job/acquire", `{"holder":"y","wait_ms":1000}`).want(429, "queue-full")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestRenew(t *testing.T) {
	w := newWorld(t)
	token := w.hold("job", "w1", sessionA)
	renew := func(body string) *answer { return w.post("/v1/leases/job/renew", body) }

	renew(`{"session":"`+sessionA+`"}`).want(200).is("token", token, "expires_in_ms", "14985", "previous", "")
	renew(`{"session":"`+sessionA+`","token":`+token+`,"ttl_ms":2000,"meta":{"a":1}}`).want(200).
		is("ttl_ms", "2000", "expires_in_ms", "1998", "renew_in_ms", "666", "meta.a", "1")
	renew(`{"session":"`+sessionB+`"}`).want(409, "not-holder").is("lost", "true", "lease.holder", "w1")
	renew(`{"session":"`+sessionA+`","token":999}`).want(409, "stale-token").is("lost", "true")
	w.post("/v1/leases/job/break", `{"token":`+token+`,"reason":"gone"}`).want(202)
	renew(`{"session":"`+sessionA+`"}`).want(409, "broken").is("lost", "true", "lease.state", "breaking", "lease.holders.0.breaking", "true")
}

func TestRelease(t *testing.T) {
	w := newWorld(t)
	w.hold("job", "w1", sessionA)
	release := func(body string) *answer { return w.post("/v1/leases/job/release", body) }

	release(`{"session":"`+sessionA+`","token":999}`).want(409, "stale-token")
	w.set(func(n *node) { n.now = 1500 })
	release(`{"session":"`+sessionA+`"}`).want(200).is("name", "job", "was_held", "true", "held_ms", "1500")
	release(`{"session":"`+sessionA+`"}`).want(200).is("was_held", "false", "held_ms", "0")
}

// TestReleaseByAttempt: a caller that cancelled its acquire does not know whether it was granted.
func TestReleaseByAttempt(t *testing.T) {
	w := newWorld(t)
	acquire := func(attempt string) *answer {
		return w.post("/v1/leases/job/acquire", `{"holder":"w1","session":"`+sessionA+`","attempt":"`+attempt+`"}`)
	}
	release := func(with string) *answer {
		return w.post("/v1/leases/job/release", `{"session":"`+sessionA+`",`+with+`}`)
	}
	acquire("one").want(201)
	release(`"attempt":"one"`).want(200).is("was_held", "true")
	acquire("one").want(409, "withdrawn").is("definitive", "true", "lost", "", "lease.state", "free")
	token := acquire("two").want(201).text("token")
	release(`"attempt":"one"`).want(200).is("was_held", "false")
	w.get("/v1/leases/job").want(200).is("token", token)
	release(`"attempt":"two","token":`+token).want(400, "invalid").is("errors.0.field", "attempt")
	acquire(strings.Repeat("a", 65)).want(400, "invalid").is("errors.0.field", "attempt")

	all := `{"names":["job","more"],"holder":"w1","session":"` + sessionA + `","attempt":"three"}`
	w.post("/v1/acquire", all).want(201)
	release(`"attempt":"two"`).want(200).is("was_held", "false")
	release(`"attempt":"three"`).want(200).is("was_held", "true")
	w.post("/v1/acquire", all).want(409, "withdrawn").is("leases.0.name", "job")
}

func TestReleaseReportsHowHoldHadEnded(t *testing.T) {
	w := newWorld(t)
	token := w.hold("job", "w1", sessionA)
	release := `{"session":"` + sessionA + `","token":` + token + `}`
	w.expire("job")
	w.post("/v1/leases/job/release", release).want(200).is("was_held", "false", "ended", "expired")
	w.hold("job", "w2", sessionB)
	w.post("/v1/leases/job/release", release).want(200).is("was_held", "false", "ended", "expired")
	w.post("/v1/leases/job/release", `{"session":"`+sessionB+`"}`).want(200).is("was_held", "true", "ended", "")
	w.post("/v1/leases/job/release", release).want(200).is("was_held", "false", "ended", "")
}

func TestReclaimMayChangeTheHolder(t *testing.T) {
	w := newWorld(t)
	w.hold("job", "w1-101", sessionA)
	body := `{"holder":"w1-202","session":"` + sessionA + `","attempt":"again","reclaim":`
	w.post("/v1/leases/job/acquire", body+`false}`).want(409, "session-in-use")
	token := w.post("/v1/leases/job/acquire", body+`true}`).want(201).is("holder", "w1-202", "previous.end", "reclaimed").text("token")
	w.post("/v1/leases/job/acquire", body+`true}`).want(201).is("token", token)
}

func TestTransfer(t *testing.T) {
	w := newWorld(t)
	token := w.hold("job", "w1", sessionA)
	transfer := func(body string) *answer { return w.post("/v1/leases/job/transfer", body) }

	transfer(`{"session":"`+sessionA+`","to":"w2"}`).want(409, "no-such-candidate").is("lost", "", "lease.holder", "w1")
	waiting := w.later("/v1/leases/job/acquire", `{"holder":"w2","session":"`+sessionB+`","wait_ms":30000}`)
	eventually(t, "w2 waits", func() bool { return w.waiting("job") == 1 })
	w.set(func(n *node) { n.now = 700 })

	transfer(`{"session":"`+sessionC+`","to":"w2"}`).want(409, "not-holder")
	transfer(`{"session":"`+sessionA+`","token":999,"to":"w2"}`).want(409, "stale-token")
	body := `{"session":"` + sessionA + `","token":` + token + `,"to":"w2"}`
	given := transfer(body).want(200).is("to", "w2", "held_ms", "700").text("token")
	(<-waiting).want(201).is("token", given, "previous.end", "transferred")
	transfer(body).want(200).is("token", given)
}

func TestBreak(t *testing.T) {
	w := newWorld(t)
	token := w.hold("job", "w1", sessionA)
	path := "/v1/leases/job/break"
	w.post(path, `{"token":999,"reason":"gone"}`).want(409, "stale-token")
	w.post(path, `{"token":`+token+`,"reason":"gone"}`).want(202).is("name", "job", "token", token, "available_in_ms", "9000")
	w.get("/v1/leases/job").want(200).is("state", "breaking")
	w.post(path, `{"token":`+token+`,"reason":"now","grace_ms":0}`).want(202).is("available_in_ms", "0")
	w.get("/v1/leases/job").want(200).is("state", "free")
	w.get("/v1/leases/job/history").want(200).is("events.1.type", "broken", "events.1.reason", "gone", "events.1.by", "127.0.0.1")
	w.post(path, `{"token":`+token+`,"reason":"again"}`).want(202)
}

func TestNamesAreDecodedOnce(t *testing.T) {
	w := newWorld(t)
	w.post("/v1/leases/%6Aob/acquire", `{"holder":"w1"}`).want(201).is("name", "job")
	for _, name := range []string{"a%252Fb", "%2541", "-a", "a%20b", strings.Repeat("a", 201), "%C3%A4", "%FF"} {
		w.post("/v1/leases/"+name+"/acquire", `{"holder":"w1"}`).want(400, "invalid").is("errors.0.field", "name")
		w.get("/v1/leases/"+name).want(400, "invalid").is("errors.0.field", "name")
	}
}

func TestClusterErrorsBecomeProblems(t *testing.T) {
	w := newWorld(t)
	writes := map[string]string{
		"/v1/leases/job/acquire":      `{"holder":"w1"}`,
		"/v1/leases/job/renew":        `{"session":"` + sessionA + `"}`,
		"/v1/leases/job/release":      `{"session":"` + sessionA + `"}`,
		"/v1/leases/job/transfer":     `{"session":"` + sessionA + `","to":"w2"}`,
		"/v1/leases/job/break":        `{"token":1,"reason":"r"}`,
		"/v1/sessions/renew":          `{"session":"` + sessionA + `"}`,
		"/v1/sessions/release":        `{"session":"` + sessionA + `"}`,
		"/v1/cluster/remove":          `{"id":"n2"}`,
		"/v1/cluster/transfer-leader": ``,
	}
	for _, c := range []struct {
		err        error
		status     int
		kind, read string
		definitive string
	}{
		{fsm.ErrNoLeader, 503, "no-leader", "no-leader", "true"},
		{fsm.ErrNotReady, 503, "not-ready", "not-ready", "true"},
		{fsm.ErrOverloaded, 503, "overloaded", "overloaded", "true"},
		{fsm.ErrUnknown, 504, "outcome-unknown", "not-ready", "false"},
		{errDisk, 504, "outcome-unknown", "not-ready", "false"},
	} {
		w.set(func(n *node) { n.fail = c.err })
		for path, body := range writes {
			a := w.post(path, body).want(c.status, c.kind).is("definitive", c.definitive, "lost", "")
			if (c.status == 503) != (a.header.Get("Retry-After") == "1") {
				t.Errorf("%s: Retry-After is %q", path, a.header.Get("Retry-After"))
			}
			if made := a.text("session") != ""; made != strings.HasSuffix(path, "acquire") {
				t.Errorf("%s: the answer has a session: %v", path, made)
			}
		}
		for _, path := range []string{"/v1/leases", "/v1/leases/job", "/v1/leases/job/check?token=1", "/v1/leases/job/history"} {
			w.get(path).want(503, c.read).is("definitive", "true")
		}
	}
}

// ahead is a node that has applied later revisions than that of the answer.
type ahead struct{ api.Cluster }

func (a ahead) Here() api.Here {
	h := a.Cluster.Here()
	h.Revision += 100
	return h
}

func TestRevisionHeaderHasRevisionOfAnswer(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Cluster = ahead{c.Cluster} })
	w.post("/v1/leases/job/acquire", `{"holder":"w1"}`).want(201)
	for _, a := range []*answer{
		w.get("/v1/leases/job").want(200),
		w.post("/v1/leases/job/acquire", `{"holder":"w2"}`).want(409),
	} {
		if a.header.Get("Lockd-Revision") != "1" {
			t.Errorf("the header of an answer of revision 1 is %s", a.header.Get("Lockd-Revision"))
		}
	}
}

package api_test

import (
	"strings"
	"testing"
)

func TestGetShowsEveryState(t *testing.T) {
	w := newWorld(t)
	w.get("/v1/leases/job").want(200).is("name", "job", "state", "free", "limit", "1", "holders", "[]", "queue", "[]",
		"queue_length", "0", "transitions", "0", "since", "", "holder", "", "available_in_ms", "")

	w.set(func(n *node) { n.now = 1000 })
	token := w.hold("job", "w1", sessionA, `,"meta":{"a":"b"}`)
	w.set(func(n *node) { n.now = 4000; n.apply(noChange()) })
	w.get("/v1/leases/job").want(200).is("state", "held", "holder", "w1", "token", token, "holders.0.slot", "0",
		"holders.0.ttl_ms", "15000", "holders.0.held_ms", "3000", "holders.0.renewed_ms_ago", "3000", "holders.0.free_in_ms", "15000",
		"holders.0.meta.a", "b", "transitions", "1", "since", "2027-01-15T08:00:01.000Z")

	w.post("/v1/leases/job/release", `{"session":"`+sessionA+`","delay_ms":700}`).want(200)
	w.get("/v1/leases/job").want(200).is("state", "delayed", "available_in_ms", "700")
}

func TestStaleReads(t *testing.T) {
	w := newWorld(t)
	w.hold("job", "w1", sessionA)
	a := w.get("/v1/leases/job?stale=true").want(200).
		is("holder", "w1", "holders.0.free_in_ms", "", "holders.0.renewed_ms_ago", "")
	if age := a.header.Get("Lockd-Stale-Ms"); age != "7" {
		t.Errorf("Lockd-Stale-Ms is %q", age)
	}
	if a := w.get("/v1/leases/job?stale=false").want(200); a.header.Get("Lockd-Stale-Ms") != "" {
		t.Error("a linearizable read has an age")
	}
	w.get("/v1/leases?stale=true").want(200).is("leases.0.name", "job")
	w.get("/v1/leases/job/history?stale=true").want(200).is("events.0.type", "acquired")
}

func TestNoReadShowsASession(t *testing.T) {
	w := newWorld(t)
	token := w.hold("job", "w1", sessionA)
	w.post("/v1/leases/job/acquire", `{"holder":"w2","session":"`+sessionB+`","wait_ms":1}`).want(409)
	for _, path := range []string{"/v1/leases/job", "/v1/leases", "/v1/leases/job/history", "/v1/leases/job/check?token=" + token,
		"/v1/watch", "/v1/watch?after=0", "/v1/cluster", "/metrics", "/v1/leases/job/explain", "/v1/events", "/v1/holders", "/v1/stats", "/v1/leases/job/check?token=999"} {
		if a := w.get(path); strings.Contains(string(a.body), sessionA) || strings.Contains(string(a.body), sessionB) {
			t.Errorf("%s shows a session: %s", path, a.body)
		}
	}
	if a := w.post("/v1/leases/job/acquire", `{"holder":"w3"}`); strings.Contains(string(a.body), sessionA) {
		t.Errorf("a conflict shows a session: %s", a.body)
	}
}

func TestCheck(t *testing.T) {
	w := newWorld(t)
	token := w.hold("job", "w1", sessionA)
	w.get("/v1/leases/job/check?token="+token).want(200).is("name", "job", "holder", "w1", "token", token, "slot", "0")
	w.get("/v1/leases/job/check?token=999").want(409, "stale-token").is("lost", "true", "lease.token", token)
	w.post("/v1/leases/job/break", `{"token":`+token+`,"reason":"r"}`).want(202)
	w.get("/v1/leases/job/check?token="+token).want(409, "broken").is("lost", "true")
	w.get("/v1/leases/other/check?token=1").want(409, "stale-token").is("lease.state", "free")
}

func TestHistoryIsNewestFirst(t *testing.T) {
	w := newWorld(t)
	w.get("/v1/leases/job/history").want(200).is("name", "job", "events", "[]")
	w.hold("job", "w1", sessionA)
	w.set(func(n *node) { n.now = 2000 })
	w.expire("job")
	w.hold("job", "w2", sessionB)
	w.get("/v1/leases/job/history").want(200).is("events.0.type", "acquired", "events.0.cause", "expired", "events.0.vacancy_ms", "0",
		"events.1.type", "expired", "events.1.held_ms", "2000", "events.1.at", "2027-01-15T08:00:02.000Z",
		"events.2.type", "acquired", "events.2.vacancy_ms", "", "events.2.cause", "")
}

func TestListPages(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a.1", "a.2", "a.3", "b.1"} {
		w.hold(name, "w"+name[:1], strings.Repeat(name[:1]+name[2:], 16))
	}
	first := w.get("/v1/leases?prefix=a.&limit=2").want(200).is("leases.0.name", "a.1", "leases.1.name", "a.2", "next", "a.2")
	w.get("/v1/leases?prefix=a.&limit=2&cursor="+first.text("next")).want(200).
		is("leases.0.name", "a.3", "leases.1", "", "next", "")
	w.get("/v1/leases?holder=wb").want(200).is("leases.0.name", "b.1", "leases.1", "")
	w.get("/v1/leases?prefix=zzz").want(200).is("leases", "[]")
}

func TestEveryGetRouteHasHead(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/v1/leases", "/v1/leases/job", "/v1/watch", "/v1/cluster", "/healthz", "/readyz", "/openapi.yaml"} {
		if a := w.send("HEAD", path, "").want(200); len(a.body) != 0 || a.header.Get("Lockd-Node") != "n1" {
			t.Errorf("%s: %q %v", path, a.body, a.header)
		}
	}
}

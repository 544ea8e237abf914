package api_test

import (
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/access"
)

// TestEventsArePagedAndFiltered reads the newest events of all leases.
func TestEventsArePagedAndFiltered(t *testing.T) {
	w := newWorld(t)
	w.set(func(n *node) { n.now = 1000; n.apply(noChange()) })
	token := w.hold("job.a", "w1", sessionA)
	w.set(func(n *node) { n.now = 61_000; n.apply(noChange()) })
	w.post("/v1/leases/job.a/break", `{"token":`+token+`,"reason":"r","grace_ms":0}`).want(202)
	w.hold("other", "w2", sessionB)
	page := w.get("/v1/events?limit=2").want(200).is("events.0.name", "other", "events.0.type", "acquired")
	next := page.text("next")
	w.get("/v1/events?limit=100&before="+next).want(200).is("events.0.type", "broken", "events.1.type", "acquired", "events.2", "", "next", "")
	w.get("/v1/events?prefix=job.&type=broken").want(200).is("events.0.by", "127.0.0.1", "events.1", "")
	w.get("/v1/events?actor=127.0.0.1").want(200).is("events.0.type", "broken", "events.1", "")
	w.get("/v1/events?actor=w2").want(200).is("events.0.name", "other", "events.1", "")
	w.get("/v1/events?until=2027-01-15T08:00:30Z").want(200).is("events.0.type", "acquired", "events.0.name", "job.a", "events.1", "")
	w.get("/v1/events?since=2027-01-15T08:00:30Z&name=job.a").want(200).is("events.0.type", "free", "events.1.type", "broken", "events.2", "")
	w.get("/v1/events?type=eaten").want(400, "invalid")
	w.get("/v1/events?since=yesterday").want(400, "invalid")
}

func TestHoldersAndStatsCountWhatTheCallerMayRead(t *testing.T) {
	w := newWorld(t)
	w.hold("job.a", "w1", sessionA)
	w.hold("job.b", "w1", "w1-session-0123456789")
	w.hold("other", "w2", sessionB)
	w.post("/v1/leases/other/acquire", `{"holder":"w1","session":"w1-waits-0123456789","wait_ms":1}`).want(409)
	w.get("/v1/holders").want(200).is("holder_count", "2", "holders.0.holder", "w1", "holders.0.holds", "2", "holders.0.waiting", "1", "holders.1.holder", "w2")
	w.get("/v1/holders?prefix=w2&limit=1").want(200).is("holder_count", "1", "holders.0.holds", "1")
	w.get("/v1/stats").want(200).is("leases.active", "3", "leases.held", "3", "leases.waited_for", "1", "leases.waiters", "1", "leases.holds", "3",
		"minutes.0.events.acquired", "1")

	w.get("/v1/leases?order=waiters").want(200).is("leases.0.name", "other", "leases.1.name", "job.a", "next", "")
	w.get("/v1/leases?order=age&limit=1").want(200).is("leases.0.name", "job.a", "leases.1", "", "next", "")
	w.get("/v1/leases?order=age&cursor=job.a").want(200).is("leases", "[]", "next", "") // nothing is after the only page
	w.get("/v1/leases?waited=true&state=held").want(200).is("leases.0.name", "other", "leases.1", "")
	w.get("/v1/leases?state=eaten").want(400, "invalid")
}

// TestAPrincipalSeesOnlyItsScopes: no page, count or event has a name outside of the scopes.
func TestAPrincipalSeesOnlyItsScopes(t *testing.T) {
	w := newWorld(t)
	w.hold("job.a", "w1", sessionA)
	w.hold("secret", "hidden", sessionB)
	w.admin()
	credential := w.token(w, "reader", "read:job.")
	w.change(w, access.Change{Kind: access.SetMode, Mode: access.On})
	for _, path := range []string{"/v1/leases?order=age", "/v1/leases?order=waiters&state=held", "/v1/events", "/v1/holders", "/v1/stats"} {
		a := w.get(path, "Authorization", credential).want(200)
		if body := string(a.body); strings.Contains(body, "secret") || strings.Contains(body, "hidden") || strings.Contains(body, "minutes") {
			t.Errorf("%s: %s", path, body)
		}
	}
	w.get("/v1/stats", "Authorization", credential).want(200).is("leases.held", "1")
	w.get("/v1/leases/secret/explain", "Authorization", credential).want(403, "not-allowed")
}

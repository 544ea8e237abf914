package api_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestExplainSaysWhyALeaseIsNotFree follows a lease through each state, as a stranger, a waiter, the holder and a former
// holder see it.
func TestExplainSaysWhyALeaseIsNotFree(t *testing.T) {
	w := newWorld(t)
	explain := func(headers ...string) *answer { return w.get("/v1/leases/job/explain", headers...).want(200) }
	explain().is("available", "true", "blocking", "[]", "sooner", "[]", "session", "", "last_end", "",
		"summary", "It is free: the next acquire is granted.")

	w.set(func(n *node) { n.now = 1000 })
	token := w.hold("job", "w1", sessionA)
	w.set(func(n *node) { n.now = 4000; n.apply(noChange()) })
	explain().is("state", "held", "available", "false", "available_in_ms", "15000", "waiters", "0",
		"blocking.0.cause", "held", "blocking.0.holder", "w1", "blocking.0.token", token, "blocking.0.held_ms", "3000",
		"blocking.0.since", "2027-01-15T08:00:01.000Z", "blocking.0.renewed_ms_ago", "3000", "blocking.0.free_in_ms", "15000",
		"sooner.0.action", "release", "sooner.1.command", "lockd step-down job --token "+token, "sooner.2.action", "break",
		"summary", "w1 has held it for 3s (token "+token+") and renewed it 3s ago. Without another renewal it is free in at most 15s.")
	explain("Lockd-Session", sessionA).is("session.state", "holds", "session.token", token)
	w.get("/v1/leases/job/explain?stale=true").want(200).is("blocking.0.free_in_ms", "", "available_in_ms", "", // only the leader knows them
		"summary", "w1 has held it for 3s (token "+token+").")
	explain("Lockd-Session", sessionB).is("session.state", "none", "session.last_end", "")

	for _, waiter := range []string{"w2-waits-0123456789", "w3-waits-0123456789"} {
		w.post("/v1/leases/job/acquire", `{"holder":"`+waiter[:2]+`","session":"`+waiter+`","wait_ms":1}`).want(409)
	}
	w.get("/v1/leases/job/explain?session=w3-waits-0123456789").want(200).is("waiters", "2", "session.state", "waits",
		"session.position", "2", "session.before.0.holder", "w2", "session.detail", "1 waiter is before your session.")

	w.post("/v1/leases/job/step-down", `{"token":`+token+`,"to":"w3","within_ms":9000}`).want(202)
	if a := explain(); !strings.Contains(string(a.body), "asked it to step down in favor of w3; 9s are left.") {
		t.Errorf("the step-down is missing: %s", a.body)
	}
	w.post("/v1/leases/job/break", `{"token":`+token+`,"reason":"its rack burns"}`).want(202)
	explain("Lockd-Session", sessionA).is("session.state", "none", "session.token", "", "session.last_end.how", "broken", "state", "breaking", "blocking.0.cause", "breaking", "blocking.0.reason", "its rack burns",
		"blocking.0.by", "127.0.0.1", "sooner.0.command", "lockd break job --token "+token+" --grace 0s --reason '...'", "last_end.how", "broken")
	w.post("/v1/leases/job/break", `{"token":`+token+`,"reason":"its rack burns","grace_ms":0}`).want(202)
	explain("Lockd-Session", sessionA).is("session.state", "none", "session.last_end.how", "broken", "session.last_end.by", "127.0.0.1",
		"session.last_end.reason", "its rack burns", "session.last_end.token", token, "blocking.0.holder", "w2")
	w.get("/v1/leases/job/explain?session=short").want(400, "invalid")
	w.get("/v1/leases/job/explain", "Lockd-Session", "~sealed").want(400, "invalid").is("errors.0.field", "Lockd-Session")
	w.get("/v1/leases/job/explain?session="+sessionA, "Lockd-Session", "short").want(400, "invalid")
	w.get("/v1/leases/job/explain?session=").want(400, "invalid")
	w.get("/v1/leases/job/explain", "Lockd-Session", "").want(400, "invalid")
}

// TestExplainKnowsHowTheLastHoldOfASessionEnded covers the other ends.
func TestExplainKnowsHowTheLastHoldOfASessionEnded(t *testing.T) {
	w := newWorld(t)
	explain := func(name string) *answer {
		return w.get("/v1/leases/"+name+"/explain", "Lockd-Session", sessionA).want(200).is("session.state", "none")
	}
	w.hold("expired", "w1", sessionA, `,"delay_ms":5000`)
	w.expire("expired")
	explain("expired").is("session.last_end.how", "expired", "blocking.0.cause", "delayed", "sooner.0.action", "wait", "available", "false")
	w.hold("released", "w1", sessionA)
	w.post("/v1/leases/released/release", `{"session":"`+sessionA+`"}`).want(200)
	explain("released").is("session.last_end.how", "released", "available", "true")
	w.hold("given", "w1", sessionA)
	w.post("/v1/leases/given/acquire", `{"holder":"w2","session":"`+sessionB+`","wait_ms":1}`).want(409)
	w.post("/v1/leases/given/transfer", `{"session":"`+sessionA+`","to":"w2"}`).want(200)
	explain("given").is("session.last_end.how", "transferred", "session.last_end.to", "w2")
	w.hold("left", "w2", sessionB)
	w.post("/v1/leases/left/acquire", `{"holder":"w1","session":"`+sessionA+`","wait_ms":1}`).want(409)
	w.post("/v1/leases/left/release", `{"session":"`+sessionA+`"}`).want(200)
	explain("left").is("session.last_end", "")
}

// TestExplainOfALeaseWithSlots: a lease with a free slot is not blocked, and a full one lists only some of its holds.
func TestExplainOfALeaseWithSlots(t *testing.T) {
	w := newWorld(t)
	const limit = 20
	for i := range limit {
		w.hold("pool", "w1", fmt.Sprintf("session-of-worker-%02d", i), fmt.Sprintf(`,"limit":%d`, limit))
		if i == 0 {
			w.get("/v1/leases/pool/explain").want(200).is("available", "true", "blocking", "[]", "blocking_count", "0", "sooner", "[]",
				"summary", "1 of 20 slots are held: the next acquire is granted.")
		}
	}
	a := w.get("/v1/leases/pool/explain").want(200).is("available", "false", "blocking_count", "20",
		"summary", "None of its 20 slots is free. Without another renewal, the first is free in at most 15s.")
	if got := strings.Count(string(a.body), `"cause"`); got != 16 {
		t.Errorf("%d blocks are listed: %s", got, a.body)
	}
}

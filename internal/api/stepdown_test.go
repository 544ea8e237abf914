package api_test

import "testing"

func TestStepDown(t *testing.T) {
	w := newWorld(t)
	token := w.hold("job", "w1", sessionA)
	stepDown := func(more string) *answer { return w.post("/v1/leases/job/step-down", `{"token":`+token+more+`}`) }

	w.post("/v1/leases/job/renew", `{"session":"`+sessionA+`"}`).want(200).is("step_down", "")
	stepDown(`,"to":"w2","within_ms":30000`).want(202).is("name", "job", "holder", "w1", "token", token,
		"step_down.to", "w2", "step_down.within_ms", "30000")

	// The hold continues, and the holder, readers and watchers see the request.
	w.set(func(n *node) { n.now += 10_000; n.apply(noChange()) })
	w.post("/v1/leases/job/renew", `{"session":"`+sessionA+`"}`).want(200).is("step_down.to", "w2", "step_down.within_ms", "20000", "token", token)
	w.post("/v1/sessions/renew", `{"session":"`+sessionA+`"}`).want(200).is("leases.0.step_down.to", "w2", "leases.0.step_down.within_ms", "20000")
	w.post("/v1/acquire", `{"names":["job"],"holder":"w1","session":"`+sessionA+`"}`).want(200).is("leases.0.step_down.within_ms", "20000")
	w.get("/v1/leases/job").want(200).is("holders.0.step_down.to", "w2", "holders.0.step_down.within_ms", "20000")
	w.get("/v1/leases/job/history").want(200).is("events.0.type", "step_down", "events.0.to", "w2", "events.0.within_ms", "30000",
		"events.0.token", token, "events.0.holder", "w1")

	stepDown("").want(202).is("step_down.to", "", "step_down.within_ms", "")
	w.post("/v1/leases/job/step-down", `{"token":999}`).want(409, "stale-token").is("lease.token", token)
	w.post("/v1/leases/job/release", `{"session":"`+sessionA+`"}`).want(200)
	stepDown("").want(409, "stale-token")
}

func TestStepDownTimeRunsOut(t *testing.T) {
	w := newWorld(t)
	token := w.hold("job", "w1", sessionA)
	w.post("/v1/leases/job/step-down", `{"token":`+token+`,"within_ms":1000}`).want(202)
	w.set(func(n *node) { n.now += 5_000; n.apply(noChange()) })
	w.post("/v1/leases/job/renew", `{"session":"`+sessionA+`"}`).want(200).is("step_down.within_ms", "0")
}

func TestReclaim(t *testing.T) {
	w := newWorld(t)
	token := w.hold("job", "w1", sessionA)
	again := w.post("/v1/leases/job/acquire", `{"holder":"w1","session":"`+sessionA+`","reclaim":true}`).want(201).
		is("previous.holder", "w1", "previous.token", token, "previous.end", "reclaimed").text("token")
	if again == token {
		t.Error("the token is the same")
	}
	w.post("/v1/leases/job/renew", `{"session":"`+sessionA+`","token":`+token+`}`).want(409, "stale-token").is("lost", "true")
	w.get("/v1/leases/job/history").want(200).is("events.1.type", "reclaimed", "events.1.token", token, "events.1.held_ms", "0",
		"events.0.cause", "reclaimed", "events.0.token", again)
	w.post("/v1/leases/other/acquire", `{"holder":"w1","session":"`+sessionA+`","reclaim":true}`).want(201).is("previous", "")
	w.post("/v1/leases/job/acquire", `{"holder":"w1","reclaim":true}`).want(400, "invalid").is("errors.0.field", "reclaim")
}

func TestPriorityOrdersTheQueue(t *testing.T) {
	w := newWorld(t)
	w.hold("job", "w1", sessionA)
	low := w.later("/v1/leases/job/acquire", `{"holder":"low","session":"`+sessionB+`","wait_ms":60000}`)
	eventually(t, "one waits", func() bool { return w.waiting("job") == 1 })
	high := w.later("/v1/leases/job/acquire", `{"holder":"high","session":"`+sessionC+`","wait_ms":60000,"priority":7}`)
	eventually(t, "two wait", func() bool { return w.waiting("job") == 2 })
	w.get("/v1/leases/job").want(200).is("queue.0.holder", "high", "queue.0.priority", "7", "queue.1.holder", "low", "queue.1.priority", "0")
	w.post("/v1/leases/job/release", `{"session":"`+sessionA+`"}`).want(200)
	(<-high).want(201)
	w.post("/v1/leases/job/release", `{"session":"`+sessionC+`"}`).want(200)
	(<-low).want(201)
}

package app_test

import "testing"

// What one node takes together, another one shows, renews and gives back.
func TestSeveralNamesThroughAnyNode(t *testing.T) {
	c := startCluster(t, 3, nil)
	leader, follower := c.leader(), c.follower()

	held := follower.post("/v1/acquire", in{"names": []string{"a", "b"}, "holder": "w1", "session": alice}).want(t, 201)
	leases := held.body["leases"].([]any)
	a, b := leases[0].(map[string]any)["token"].(float64), leases[1].(map[string]any)["token"].(float64)
	if a >= b || held.number("expires_in_ms") != 14_985 {
		t.Errorf("tokens %v and %v, for %d ms", a, b, held.number("expires_in_ms"))
	}
	refused := leader.post("/v1/acquire", in{"names": []string{"c", "b"}, "holder": "w2", "session": bob}).want(t, 409)
	if in := refused.body["leases"].([]any); len(in) != 1 || in[0].(map[string]any)["holder"] != "w1" {
		t.Errorf("in the way: %v", in)
	}
	if s := follower.get("/v1/leases/c").want(t, 200).text("state"); s != "free" {
		t.Errorf("c is %s", s)
	}
	follower.post("/v1/sessions/renew", in{"session": alice}).want(t, 200)
	leader.post("/v1/sessions/release", in{"session": alice}).want(t, 200)
	leader.post("/v1/acquire", in{"names": []string{"c", "b"}, "holder": "w2", "session": bob}).want(t, 201)
}

// A step-down is told by renewals that no entry is written for, and survives a
// change of leader, whose clock goes on from the last one's.
func TestAStepDownIsToldByRenewals(t *testing.T) {
	c := startCluster(t, 3, nil)
	token := c.leader().post("/v1/leases/job/acquire", in{"holder": "w1", "session": alice}).want(t, 201).number("token")
	c.follower().post("/v1/leases/job/step-down", in{"token": token, "to": "w2", "within_ms": 60_000}).want(t, 202)
	within := func(m *member) float64 {
		t.Helper()
		wish := m.post("/v1/leases/job/renew", in{"session": alice, "token": token}).want(t, 200).body["step_down"].(map[string]any)
		if wish["to"] != "w2" {
			t.Errorf("the wish is %v", wish)
		}
		return wish["within_ms"].(float64)
	}
	first := within(c.follower())
	former := c.leader()
	former.post("/v1/cluster/transfer-leader", nil).want(t, 200)
	eventually(t, "another one leads", func() bool { return c.leader() != former })
	// The next leader's clock goes on from the newest entry, and may be a little behind.
	if second := within(c.follower()); first > 60_000 || second > 60_000 {
		t.Errorf("%v ms were left, then %v", first, second)
	}
	waiting := make(chan answer, 1)
	go func() {
		waiting <- c.follower().post("/v1/leases/job/acquire", in{"holder": "w2", "session": bob, "wait_ms": 30_000})
	}()
	eventually(t, "w2 waits", func() bool { return c.leader().get("/v1/leases/job").number("queue_length") == 1 })
	c.follower().post("/v1/leases/job/transfer", in{"session": alice, "token": token, "to": "w2"}).want(t, 200)
	granted := (<-waiting).want(t, 201)
	if granted.body["step_down"] != nil {
		t.Error("the successor was asked, too")
	}
}

// After a reclaim the older self is refused everywhere, and the new one renews.
func TestAReclaimFencesTheOlderSelf(t *testing.T) {
	c := startCluster(t, 3, nil)
	old := c.follower().post("/v1/leases/job/acquire", in{"holder": "w1", "session": alice}).want(t, 201).number("token")
	again := c.follower().post("/v1/leases/job/acquire", in{"holder": "w1", "session": alice, "reclaim": true}).want(t, 201)
	if again.number("token") <= old {
		t.Errorf("token %d after %d", again.number("token"), old)
	}
	for _, m := range c.running() {
		m.post("/v1/leases/job/renew", in{"session": alice, "token": old}).want(t, 409)
		m.post("/v1/leases/job/renew", in{"session": alice, "token": again.number("token")}).want(t, 200)
	}
}

// An idle cluster stands at one applied index, also right after an election,
// whose first entries are Raft's own.
func TestAnIdleClusterStandsAtOneAppliedIndex(t *testing.T) {
	c := startCluster(t, 3, nil)
	former := c.leader()
	former.post("/v1/cluster/transfer-leader", nil).want(t, 200)
	eventually(t, "another one leads", func() bool { return c.leader() != former })
	eventually(t, "all are at one index", func() bool {
		at := make(map[int64]bool)
		for _, m := range c.running() {
			at[m.get("/v1/cluster").number("applied_index")] = true
		}
		return len(at) == 1
	})
}

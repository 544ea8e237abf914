package app_test

import (
	"testing"

	"github.com/lockd/lockd/test/harness/inprocess"
	"github.com/lockd/lockd/test/harness/nodes"
)

// TestSeveralNamesThroughAnyNode: leases that were acquired together through one node can be read, renewed and released
// through another.
func TestSeveralNamesThroughAnyNode(t *testing.T) {
	c := inprocess.Start(t, 3, nil)
	leader, follower := c.Leader(), c.Follower()

	held := follower.Post("/v1/acquire", nodes.In{"names": []string{"a", "b"}, "holder": "w1", "session": alice}).Want(t, 201)
	leases := held.Body["leases"].([]any)
	a, b := leases[0].(map[string]any)["token"].(float64), leases[1].(map[string]any)["token"].(float64)
	if a >= b || held.Number("expires_in_ms") != 14_985 {
		t.Errorf("tokens %v and %v, for %d ms", a, b, held.Number("expires_in_ms"))
	}
	refused := leader.Post("/v1/acquire", nodes.In{"names": []string{"c", "b"}, "holder": "w2", "session": bob}).Want(t, 409)
	if in := refused.Body["leases"].([]any); len(in) != 1 || in[0].(map[string]any)["holder"] != "w1" {
		t.Errorf("blocked by: %v", in)
	}
	if s := follower.Get("/v1/leases/c").Want(t, 200).Text("state"); s != "free" {
		t.Errorf("c is %s", s)
	}
	for _, n := range c.Nodes { // the session is sealed, and each node finds what it has
		own := n.API.Get("/v1/leases/b/explain?session="+alice).Want(t, 200).Body["session"].(map[string]any)
		if own["state"] != "holds" || own["token"] != b {
			t.Errorf("%s explains the session by %v", n.Name, own)
		}
		for _, m := range n.API.Get("/v1/cluster?reports=true").Want(t, 200).Body["nodes"].([]any) {
			if report, ok := m.(map[string]any)["report"].(map[string]any); !ok || report["applied_index"].(float64) == 0 {
				t.Errorf("%s has no report of %v", n.Name, m)
			}
		}
	}
	follower.Post("/v1/sessions/renew", nodes.In{"session": alice}).Want(t, 200)
	leader.Post("/v1/sessions/release", nodes.In{"session": alice}).Want(t, 200)
	leader.Post("/v1/acquire", nodes.In{"names": []string{"c", "b"}, "holder": "w2", "session": bob}).Want(t, 201)
}

// TestStepDownIsReportedByRenewals: renewals report a step-down, also those that write no log entry, and also after a
// change of leader. The clock of the next leader continues from the clock of the last one.
func TestStepDownIsReportedByRenewals(t *testing.T) {
	c := inprocess.Start(t, 3, nil)
	token := c.Leader().Post("/v1/leases/job/acquire", nodes.In{"holder": "w1", "session": alice}).Want(t, 201).Number("token")
	c.Follower().Post("/v1/leases/job/step-down", nodes.In{"token": token, "to": "w2", "within_ms": 60_000}).Want(t, 202)
	within := func(m *inprocess.Node) float64 {
		t.Helper()
		stepDown := m.Post("/v1/leases/job/renew", nodes.In{"session": alice, "token": token}).Want(t, 200).Body["step_down"].(map[string]any)
		if stepDown["to"] != "w2" {
			t.Errorf("step_down is %v", stepDown)
		}
		return stepDown["within_ms"].(float64)
	}
	first := within(c.Follower())
	former := c.Leader()
	former.Post("/v1/cluster/transfer-leader", nil).Want(t, 200)
	nodes.Eventually(t, "another node leads", func() bool { return c.Leader() != former })
	// The next leader's clock continues from the newest entry, and can be a little behind.
	if second := within(c.Follower()); first > 60_000 || second > 60_000 {
		t.Errorf("within_ms is %v, then %v; want at most 60000", first, second)
	}
	waiting := make(chan nodes.Answer, 1)
	go func() {
		waiting <- c.Follower().Post("/v1/leases/job/acquire", nodes.In{"holder": "w2", "session": bob, "wait_ms": 30_000})
	}()
	nodes.Eventually(t, "w2 waits", func() bool { return c.Leader().Get("/v1/leases/job").Number("queue_length") == 1 })
	c.Follower().Post("/v1/leases/job/transfer", nodes.In{"session": alice, "token": token, "to": "w2"}).Want(t, 200)
	granted := (<-waiting).Want(t, 201)
	if granted.Body["step_down"] != nil {
		t.Error("the next hold has the step-down, too")
	}
}

// TestReclaimFencesEarlierRunOfProcess: after a reclaim all nodes refuse the old token and renew the new one.
func TestReclaimFencesEarlierRunOfProcess(t *testing.T) {
	c := inprocess.Start(t, 3, nil)
	old := c.Follower().Post("/v1/leases/job/acquire", nodes.In{"holder": "w1", "session": alice}).Want(t, 201).Number("token")
	again := c.Follower().Post("/v1/leases/job/acquire", nodes.In{"holder": "w1", "session": alice, "reclaim": true}).Want(t, 201)
	if again.Number("token") <= old {
		t.Errorf("the token is %d after %d", again.Number("token"), old)
	}
	for _, m := range c.Running() {
		m.Post("/v1/leases/job/renew", nodes.In{"session": alice, "token": old}).Want(t, 409)
		m.Post("/v1/leases/job/renew", nodes.In{"session": alice, "token": again.Number("token")}).Want(t, 200)
	}
}

// TestIdleClusterHasOneAppliedIndex: all nodes of an idle cluster reach the same applied index, also directly after an
// election, whose first entries are internal to Raft.
func TestIdleClusterHasOneAppliedIndex(t *testing.T) {
	c := inprocess.Start(t, 3, nil)
	former := c.Leader()
	former.Post("/v1/cluster/transfer-leader", nil).Want(t, 200)
	nodes.Eventually(t, "another node leads", func() bool { return c.Leader() != former })
	nodes.Eventually(t, "all nodes have the same index", func() bool {
		at := make(map[int64]bool)
		for _, m := range c.Running() {
			at[m.Get("/v1/cluster").Number("applied_index")] = true
		}
		return len(at) == 1
	})
}

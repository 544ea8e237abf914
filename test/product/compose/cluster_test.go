//go:build compose

package compose

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMembersHaveTheirHostnames(t *testing.T) {
	_, s := whole(t)
	for i, n := range nodes {
		m := s.Nodes[i]
		if m.Name != n.name || m.HTTP != n.name+":7400" || m.Peer != n.name+":7401" || !m.Voter {
			t.Errorf("a member is %+v; want %s, a voter, at its hostname", m, n.name)
		}
	}
}

func TestLeaseSurvivesAKilledLeader(t *testing.T) {
	logsIfFailed(t)
	leader, _ := whole(t)
	rest := others(leader)
	at := "/v1/leases/killed"
	token := leader.post(at+"/acquire", in{"holder": "a", "session": alice, "ttl_ms": 60_000}).want(t, 201).body.Token
	waited := make(chan answer, 1)
	go func() {
		waited <- rest[0].do(http.MethodPost, at+"/acquire", in{"holder": "b", "session": bob, "wait_ms": 60_000}, 2*patience)
	}()
	eventually(t, "bob waits", func() bool { return rest[1].get(at).body.Queue == 1 })

	must(t)(docker("kill", leader.container()))
	began := time.Now()
	renewed := renewal(t, rest[1], at, token)
	t.Logf("killed %s, which led: the next renewal passed after %v", leader.name, renewed.Sub(began).Round(time.Millisecond))
	if a := rest[1].get(at).want(t, 200); a.body.Token != token || a.body.Queue != 1 {
		t.Fatalf("the failover changed the holder or the queue: %s", a.raw)
	}

	rest[1].post(at+"/release", in{"session": alice, "token": token}).want(t, 200)
	select {
	case a := <-waited:
		if a.want(t, 201); a.body.Token <= token {
			t.Errorf("a token of %d follows %d", a.body.Token, token)
		}
	case <-time.After(patience):
		t.Fatal("bob was not granted the lease that alice released")
	}

	must(t)(compose("start", leader.name))
	whole(t)
	leader.post(at+"/renew", in{"session": bob}).want(t, 200)
}

func TestLeaseSurvivesAPausedLeader(t *testing.T) {
	logsIfFailed(t)
	old, _ := whole(t)
	rest := others(old)
	at := "/v1/leases/paused"
	token := rest[0].post(at+"/acquire", in{"holder": "a", "session": alice, "ttl_ms": 60_000}).want(t, 201).body.Token

	must(t)(docker("pause", old.container()))
	t.Cleanup(func() { docker("unpause", old.container()) }) // fails if the test has already done it
	began := time.Now()
	eventually(t, "another node leads", func() bool { _, _, ok := agreed(rest); return ok })
	renewed := renewal(t, rest[1], at, token)
	t.Logf("paused %s, which led: the next renewal passed after %v", old.name, renewed.Sub(began).Round(time.Millisecond))
	rest[0].post(at+"/release", in{"session": alice, "token": token}).want(t, 200)
	next := rest[0].post(at+"/acquire", in{"holder": "b", "session": bob}).want(t, 201).body.Token

	must(t)(docker("unpause", old.container()))
	whole(t)
	if a := old.get(at).want(t, 200); a.body.Token != next {
		t.Errorf("the node that was paused shows token %d, want %d", a.body.Token, next)
	}
}

// As in an upgrade, each container is created again with its volume while the others serve.
func TestRollingUpgradeKeepsALease(t *testing.T) {
	logsIfFailed(t)
	whole(t)
	at := "/v1/leases/upgraded"
	token := nodes[0].post(at+"/acquire", in{"holder": "a", "session": alice, "ttl_ms": 60_000}).want(t, 201).body.Token
	for _, n := range nodes {
		must(t)(compose("up", "--detach", "--wait", "--force-recreate", n.name))
		for _, o := range nodes {
			renewal(t, o, at, token)
		}
	}
	whole(t)
}

// The containers are created again in another order, so that each has another address. A node needs only the data in
// its volume.
func TestDataSurvivesDownAndUp(t *testing.T) {
	logsIfFailed(t)
	_, before := whole(t)
	at := "/v1/leases/kept"
	token := nodes[0].post(at+"/acquire", in{"holder": "a", "session": alice, "ttl_ms": 600_000}).want(t, 201).body.Token
	history := nodes[0].get(at+"/history").want(t, 200).body.Events
	addresses := map[string]string{}
	for _, n := range nodes {
		addresses[n.name] = address(t, n)
	}

	must(t)(compose("stop"))
	for _, n := range nodes {
		if code := must(t)(docker("inspect", "--format", "{{.State.ExitCode}}", n.container())); code != "0" {
			t.Errorf("%s ended with %s at SIGTERM", n.name, code)
		}
	}
	must(t)(compose("down"))
	// An engine assigns addresses in order, so the container with the lowest address is created last.
	order := slices.SortedFunc(slices.Values(nodes), func(a, b node) int {
		return strings.Compare(addresses[a.name], addresses[b.name])
	})
	order = append(order[1:], order[0])
	for i, n := range order {
		must(t)(compose("up", "--detach", n.name))
		if now := address(t, n); now == addresses[n.name] {
			t.Fatalf("%s has its old address %s, so this test is invalid", n.name, now)
		}
		if i == 0 { // without the others it has no quorum and must not be healthy
			eventually(t, "the first node answers", func() bool { return n.get("/healthz").status == http.StatusOK })
			if out, err := compose("exec", "-T", n.name, "/lockd", "health"); err == nil {
				t.Errorf("a node without a quorum is healthy: %s", out)
			}
		}
	}
	must(t)(compose("up", "--detach", "--wait"))

	_, after := whole(t)
	if after.Cluster != before.Cluster || after.Rev < before.Rev {
		t.Errorf("the cluster %s at revision %d is now %s at revision %d", before.Cluster, before.Rev, after.Cluster, after.Rev)
	}
	for _, n := range nodes {
		n.post(at+"/renew", in{"session": alice, "token": token}).want(t, 200)
		if a := n.get(at+"/history").want(t, 200); !bytes.Equal(a.body.Events, history) {
			t.Errorf("the history at %s was %s and is %s", n.name, history, a.body.Events)
		}
	}
	if a := nodes[2].post("/v1/leases/next/acquire", in{"holder": "b", "session": bob}).want(t, 201); a.body.Token <= token {
		t.Errorf("a token of %d follows %d", a.body.Token, token)
	}
}

// renewal waits until a node renews the hold with its token, and returns when.
func renewal(t *testing.T, at node, path string, token int64) time.Time {
	t.Helper()
	eventually(t, "a renewal succeeds at "+at.name, func() bool {
		a := at.post(path+"/renew", in{"session": alice, "token": token})
		if a.status == http.StatusConflict {
			t.Fatalf("the hold is lost: %s", a.raw)
		}
		return a.status == http.StatusOK && a.body.Token == token
	})
	return time.Now()
}

func address(t *testing.T, n node) string {
	t.Helper()
	return must(t)(docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", n.container()))
}

func logsIfFailed(t *testing.T) {
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := compose("logs", "--no-color", "--tail", "40")
			t.Log(logs)
		}
	})
}

package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/test/nodes"
)

func TestEveryNodeAnswersEverything(t *testing.T) {
	c := startCluster(t, 3, nil)
	leader := c.leader()
	for i, m := range c.members {
		t.Run(m.name, func(t *testing.T) {
			name := fmt.Sprintf("job-%d", i)
			at := "/v1/leases/" + name
			first := m.post(at+"/acquire", in{"holder": "alice", "session": alice, "meta": in{"url": "x"}}).want(t, 201)
			again := m.post(at+"/acquire", in{"holder": "alice", "session": alice, "meta": in{"url": "x"}}).want(t, 200)
			token := first.number("token")
			if again.number("token") != token || token == 0 {
				t.Errorf("a repeated acquire changed the token from %d to %d", token, again.number("token"))
			}
			held := m.post(at+"/acquire", in{"holder": "bob", "session": bob}).want(t, 409)
			if held.text("type") != "/problems/held" || held.body["definitive"] != true || held.body["lost"] != nil {
				t.Errorf("held: %s", held.raw)
			}
			if strings.Contains(held.raw, alice) || strings.Contains(m.get(at).raw, alice) {
				t.Error("a read shows a session")
			}
			m.post(at+"/renew", in{"session": alice, "token": token}).want(t, 200)
			m.post(at+"/renew", in{"session": alice, "token": token, "ttl_ms": 90_000}).want(t, 200)
			m.post(at+"/renew", in{"session": alice}).want(t, 200)
			lost := m.post(at+"/renew", in{"session": bob}).want(t, 409)
			if lost.text("type") != "/problems/not-holder" || lost.body["lost"] != true {
				t.Errorf("not-holder: %s", lost.raw)
			}
			m.get(fmt.Sprintf("%s/check?token=%d", at, token)).want(t, 200)
			m.get(fmt.Sprintf("%s/check?token=%d", at, token+1)).want(t, 409)
			m.post("/v1/sessions/renew", in{"session": alice}).want(t, 200)
			if a := m.get("/v1/leases?prefix="+name).want(t, 200); len(a.body["leases"].([]any)) != 1 {
				t.Errorf("list: %s", a.raw)
			}
			m.get(at+"?stale=true").want(t, 200)
			broken := m.post(at+"/break", in{"token": token, "reason": "a test"}).want(t, 202)
			if left := broken.number("available_in_ms"); left < 80_000 || left > 90_000 {
				t.Errorf("the grace of a break is %d ms, not what the holder was promised", left)
			}
			if a := m.post(at+"/renew", in{"session": alice}).want(t, 409); a.text("type") != "/problems/broken" {
				t.Errorf("renewing a broken hold: %s", a.raw)
			}
			m.post(at+"/break", in{"token": token, "reason": "a test", "grace_ms": 0}).want(t, 202)
			if a := m.get(at).want(t, 200); a.text("state") != "free" {
				t.Errorf("after a forced break: %s", a.raw)
			}
			second := m.post(at+"/acquire", in{"holder": "bob", "session": bob}).want(t, 201)
			if second.number("token") <= token {
				t.Errorf("tokens went from %d to %d", token, second.number("token"))
			}
			if p, _ := second.body["previous"].(map[string]any); p["end"] != "broken" {
				t.Errorf("previous: %s", second.raw)
			}
			m.post(at+"/release", in{"session": bob, "token": second.number("token")}).want(t, 200)
			if a := m.get(at+"/history").want(t, 200); len(a.body["events"].([]any)) < 5 {
				t.Errorf("history: %s", a.raw)
			}
			if a := m.get("/v1/cluster").want(t, 200); a.text("leader") != leader.name {
				t.Errorf("cluster: %s", a.raw)
			}
			m.get("/metrics").want(t, 200)
			m.get("/openapi.yaml").want(t, 200)
			m.get("/healthz").want(t, 200)
		})
	}
	c.agree()
}

func TestQueueIsServedInOrderAcrossNodes(t *testing.T) {
	c := startCluster(t, 3, nil)
	at := "/v1/leases/q"
	token := c.leader().post(at+"/acquire", in{"holder": "h", "session": alice}).want(t, 201).number("token")
	const waiters = 6
	var order []string
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range waiters {
		m := c.members[i%3]
		session := fmt.Sprintf("waiter-session-%03d", i)
		all.Go(func() {
			a := m.post(at+"/acquire", in{"holder": session, "session": session, "wait_ms": 30_000})
			if a.status != 201 {
				t.Errorf("%s got %d %s %v", session, a.status, a.raw, a.err)
				return
			}
			mu.Lock()
			order = append(order, session)
			mu.Unlock()
			m.post(at+"/release", in{"session": session, "token": a.number("token")}).want(t, 200)
		})
		eventually(t, session+" waits", func() bool {
			return c.leader().get(at).number("queue_length") == int64(i+1)
		})
	}
	c.follower().post(at+"/release", in{"session": alice, "token": token}).want(t, 200)
	all.Wait()
	for i, session := range order {
		if session != fmt.Sprintf("waiter-session-%03d", i) {
			t.Fatalf("served out of order: %v", order)
		}
	}
	if a := c.leader().get(at); a.text("state") != "free" || a.number("queue_length") != 0 {
		t.Errorf("afterwards: %s", a.raw)
	}
	c.agree()
}

func TestAWaitThatRunsOutKeepsItsPlace(t *testing.T) {
	c := startCluster(t, 1, nil)
	m := c.leader()
	at := "/v1/leases/q"
	m.post(at+"/acquire", in{"holder": "h", "session": alice}).want(t, 201)
	a := m.post(at+"/acquire", in{"holder": "b", "session": bob, "wait_ms": 50}).want(t, 409)
	if a.body["queued"] != true || a.number("position") != 1 || a.number("ticket_expires_in_ms") < 4_000 {
		t.Errorf("parked: %s", a.raw)
	}
	m.post(at+"/acquire", in{"holder": "c", "wait_ms": 20}).want(t, 409) // without a session it leaves
	if n := m.get(at).number("queue_length"); n != 1 {
		t.Errorf("%d wait, want 1", n)
	}
	m.post(at+"/release", in{"session": alice}).want(t, 200)
	m.post(at+"/acquire", in{"holder": "b", "session": bob}).want(t, 200)
}

func TestAGoneClientLeavesTheQueue(t *testing.T) {
	c := startCluster(t, 3, nil)
	at := "/v1/leases/q"
	c.leader().post(at+"/acquire", in{"holder": "h", "session": alice}).want(t, 201)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan answer, 1)
	go func() {
		gone <- c.follower().doContext(ctx, http.MethodPost, at+"/acquire", in{"holder": "b", "session": bob, "wait_ms": 60_000})
	}()
	queued := func(n int64) func() bool {
		return func() bool { return c.leader().get(at).number("queue_length") == n }
	}
	eventually(t, "bob waits", queued(1))
	cancel()
	<-gone
	eventually(t, "bob has left", queued(0))
	c.agree()
}

// Whoever leaves the queue, by one call or another and through whichever node, is
// told so at once, and does not wait for what cannot come.
func TestAWaitEndsWhereItsSessionLeavesTheQueue(t *testing.T) {
	c := startCluster(t, 3, nil)
	at := "/v1/leases/q"
	c.leader().post(at+"/acquire", in{"holder": "a", "session": alice}).want(t, 201)
	for _, leave := range []func(){
		func() { c.leader().post(at+"/release", in{"session": bob}).want(t, 200) },
		func() { c.follower().post("/v1/sessions/release", in{"session": bob}).want(t, 200) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second) // the wait is longer
		defer cancel()
		waited := make(chan answer, 1)
		go func() {
			waited <- c.follower().doContext(ctx, http.MethodPost, at+"/acquire", in{"holder": "b", "session": bob, "wait_ms": 60_000})
		}()
		eventually(t, "bob waits", func() bool { return c.leader().get(at).number("queue_length") == 1 })
		leave()
		if a := (<-waited).want(t, 409); a.body["queued"] == true || a.text("type") != "/problems/held" || a.body["definitive"] != true {
			t.Errorf("he is told %s", a.raw)
		}
	}
}

func TestFailoverDuringWaitsRenewalsAndWatches(t *testing.T) {
	c := startCluster(t, 3, nil)
	leader := c.leader()
	other := c.follower()
	at := "/v1/leases/svc"
	token := other.post(at+"/acquire", in{"holder": "a", "session": alice, "ttl_ms": 20_000}).want(t, 201).number("token")

	watching, cancelWatch := context.WithCancel(t.Context())
	defer cancelWatch()
	events := watch(t, watching, other, "/v1/watch?name=svc&after=0")

	waited := make(chan answer, 1)
	go func() {
		waited <- other.post(at+"/acquire", in{"holder": "b", "session": bob, "wait_ms": 50_000})
	}()
	eventually(t, "bob waits", func() bool { return other.get(at).number("queue_length") == 1 })

	c.stop(leader)
	eventually(t, "the next leader renews", func() bool {
		return other.post(at+"/renew", in{"session": alice, "token": token}).status == http.StatusOK
	})
	// The same acquire again, after a leader change: the same token.
	if a := other.post(at+"/acquire", in{"holder": "a", "session": alice, "ttl_ms": 20_000}).want(t, 200); a.number("token") != token {
		t.Errorf("the token changed from %d to %d", token, a.number("token"))
	}
	select {
	case a := <-waited:
		t.Fatalf("the wait ended with the leader: %s", a.raw)
	default:
	}
	other.post(at+"/release", in{"session": alice, "token": token}).want(t, 200)
	a := (<-waited).want(t, 201)
	if a.number("token") <= token {
		t.Errorf("bob's token is %d, alice's was %d", a.number("token"), token)
	}
	want := []string{"acquired a", "released a", "acquired b"}
	for _, w := range want {
		if e := <-events; e != w {
			t.Fatalf("the watch says %q, want %q", e, w)
		}
	}
	c.start(leader)
	c.waitReady()
	c.agree()
}

// watch streams a watch's changes as "type holder".
func watch(t *testing.T, ctx context.Context, m *member, path string) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("watch: %s", resp.Status)
	}
	out := make(chan string, 1_000)
	go func() {
		defer close(out)
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			var e struct {
				Type, Holder, Name string
				Revision           int64
			}
			if ok && json.Unmarshal([]byte(data), &e) == nil && e.Type != "" && e.Type != "synced" && e.Type != "mark" {
				out <- e.Type + " " + e.Holder
			}
		}
	}()
	return out
}

func TestRestartOfEachAndOfAllKeepsEverything(t *testing.T) {
	c := startCluster(t, 3, nil)
	at := "/v1/leases/keep"
	token := c.leader().post(at+"/acquire", in{"holder": "a", "session": alice, "ttl_ms": 3_600_000}).want(t, 201).number("token")
	for _, m := range c.members {
		c.stop(m)
		c.start(m)
		c.waitReady()
		m.post(at+"/renew", in{"session": alice, "token": token}).want(t, 200)
	}
	for _, m := range c.members {
		c.stop(m)
	}
	for i := range c.members {
		// Another order, and no word about the cluster: it is in the data.
		m := c.members[len(c.members)-1-i]
		m.cfg.BootstrapExpect, m.cfg.Join = 0, nil
		c.start(m)
	}
	c.waitReady()
	c.leader().post(at+"/renew", in{"session": alice, "token": token}).want(t, 200)
	next := c.follower().post("/v1/leases/new/acquire", in{"holder": "b", "session": bob}).want(t, 201).number("token")
	if next <= token {
		t.Errorf("after a restart of all, a token of %d follows %d", next, token)
	}
	c.agree()
}

func TestAddressesMayChange(t *testing.T) {
	c := startCluster(t, 3, nil)
	m := c.follower()
	c.stop(m)
	m.cfg.PeerAddr, m.cfg.HTTPAddr = nodes.FreeAddress(t), nodes.FreeAddress(t)
	c.start(m)
	c.waitReady()
	leader := c.leader()
	eventually(t, "the leader shows the new address", func() bool {
		return strings.Contains(leader.get("/v1/cluster").raw, m.cfg.PeerAddr)
	})
	m.post("/v1/leases/x/acquire", in{"holder": "a", "session": alice}).want(t, 201)
	c.agree()
}

func smallLog(cfg *app.Config) {
	cfg.SnapshotThreshold, cfg.TrailingLogs, cfg.SnapshotInterval = 16, 8, 10*time.Millisecond
}

func TestSnapshotIsInstalledOnANodeThatWasAway(t *testing.T) {
	c := startCluster(t, 3, smallLog)
	away := c.follower()
	c.stop(away)
	leader := c.leader()
	for i := range 200 {
		leader.post(fmt.Sprintf("/v1/leases/l%03d/acquire", i),
			in{"holder": "a", "session": alice, "ttl_ms": 600_000}).want(t, 201)
	}
	leader.post("/v1/leases/l000/acquire", in{"holder": "b", "session": bob, "wait_ms": 1}).want(t, 409)
	c.start(away)
	c.waitReady()
	c.agree()
	if a := away.get("/v1/leases?stale=true&limit=1000"); len(a.body["leases"].([]any)) != 200 {
		t.Errorf("the node that was away has %d leases", len(a.body["leases"].([]any)))
	}
	if a := away.get("/v1/watch?name=l000&after=0&wait_ms=0"); a.status != http.StatusOK && a.status != http.StatusGone {
		t.Errorf("a watch from the beginning: %d %s", a.status, a.raw)
	}
}

func TestJoinAndRemoveUnderLoad(t *testing.T) {
	c := startCluster(t, 3, smallLog)
	holder := c.leader()
	token := holder.post("/v1/leases/held/acquire", in{"holder": "h", "session": alice, "ttl_ms": 10_000}).want(t, 201).number("token")

	nodes := c.members[:3:3]
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var cycles, lost atomic.Int64
	for i := range 4 {
		load.Go(func() {
			session := fmt.Sprintf("load-session-%04d", i)
			at := fmt.Sprintf("/v1/leases/load-%d", i)
			for ctx.Err() == nil {
				a := nodes[i%3].post(at+"/acquire", in{"holder": session, "session": session})
				if a.status == 200 || a.status == 201 {
					nodes[i%3].post(at+"/release", in{"session": session, "token": a.number("token")})
					cycles.Add(1)
				}
			}
		})
	}
	load.Go(func() {
		for ctx.Err() == nil {
			if a := nodes[0].post("/v1/leases/held/renew", in{"session": alice, "token": token}); a.body["lost"] == true {
				lost.Add(1)
			}
		}
	})

	newcomer := c.newMember("n3", smallLog)
	newcomer.cfg.Join = []string{c.members[0].cfg.HTTPAddr, c.members[1].cfg.HTTPAddr}
	c.start(newcomer)
	eventually(t, "the newcomer votes", func() bool { return newcomer.get("/readyz").status == http.StatusOK })

	removed := c.members[2]
	c.members[1].post("/v1/cluster/remove", in{"id": "n2"}).want(t, 200)
	eventually(t, "n2 is no member", func() bool {
		return !strings.Contains(c.members[1].get("/v1/cluster").raw, `"name":"n2"`)
	})
	before := cycles.Load()
	eventually(t, "the load goes on", func() bool { return cycles.Load() > before+20 })
	stop()
	load.Wait()
	c.stop(removed)
	if lost.Load() > 0 {
		t.Error("a held lease was lost while members changed")
	}
	c.agree()

	c.members[0].post("/v1/cluster/remove", in{"id": "nobody"}).want(t, 409)
	c.members[0].post("/v1/cluster/transfer-leader", in{"to": "n3"}).want(t, 200)
	eventually(t, "n3 leads", func() bool { return c.leader().name == "n3" })
}

func TestAWatchResumesOnAnotherNodeWithoutGapOrDouble(t *testing.T) {
	c := startCluster(t, 3, nil)
	at := "/v1/leases/w"
	const rounds = 60
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range rounds {
			session := fmt.Sprintf("writer-session-%03d", i)
			a := c.members[i%3].post(at+"/acquire", in{"holder": session, "session": session, "wait_ms": 10_000})
			c.members[(i+1)%3].post(at+"/release", in{"session": session, "token": a.number("token")})
		}
	})
	var revisions []int64
	after := int64(0)
	for i := 0; len(revisions) < 2*rounds; i++ {
		a := c.members[i%3].get(fmt.Sprintf("/v1/watch?name=w&after=%d&wait_ms=2000", after)).want(t, 200)
		for _, e := range a.body["events"].([]any) {
			revisions = append(revisions, int64(e.(map[string]any)["revision"].(float64)))
		}
		after = a.number("revision")
	}
	writer.Wait()
	for i := 1; i < len(revisions); i++ {
		if revisions[i] <= revisions[i-1] {
			t.Fatalf("event %d is not after %d", revisions[i], revisions[i-1])
		}
	}
	if len(revisions) != 2*rounds {
		t.Errorf("%d events, want %d", len(revisions), 2*rounds)
	}
	c.agree()
}

func TestADeadHoldersLeaseGoesOnAfterItsTTLAndNotBefore(t *testing.T) {
	c := startCluster(t, 3, nil)
	at := "/v1/leases/dead"
	sent := time.Now()
	a := c.follower().post(at+"/acquire", in{"holder": "a", "session": alice, "ttl_ms": 1_000}).want(t, 201)
	promised := sent.Add(time.Duration(a.number("waited_ms")+a.number("expires_in_ms")) * time.Millisecond)
	b := c.leader().post(at+"/acquire", in{"holder": "b", "session": bob, "wait_ms": 30_000}).want(t, 201)
	if time.Now().Before(promised) {
		t.Error("somebody else was granted within the promise")
	}
	if p, _ := b.body["previous"].(map[string]any); p["end"] != "expired" {
		t.Errorf("previous: %s", b.raw)
	}
}

func TestAMinorityNeverGrantsRenewsOrReads(t *testing.T) {
	c := startCluster(t, 3, func(cfg *app.Config) { cfg.RequestTimeout = 500 * time.Millisecond })
	at := "/v1/leases/m"
	c.leader().post(at+"/acquire", in{"holder": "a", "session": alice, "ttl_ms": 60_000}).want(t, 201)
	survivor := c.leader()
	for _, m := range c.members {
		if m != survivor {
			c.stop(m)
		}
	}
	for path, body := range map[string]in{
		at + "/renew":          {"session": alice},
		"/v1/leases/n/acquire": {"holder": "b", "session": bob},
		"/v1/sessions/renew":   {"session": alice},
		at + "/release":        {"session": alice, "token": 1},
	} {
		a := survivor.post(path, body)
		if a.status != http.StatusServiceUnavailable && a.status != http.StatusGatewayTimeout {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
		if a.body["lost"] != nil {
			t.Errorf("%s says that the lease is lost: %s", path, a.raw)
		}
	}
	survivor.get(at).want(t, http.StatusServiceUnavailable)
	stale := survivor.get(at+"?stale=true").want(t, 200)
	if stale.header.Get("Lockd-Stale-Ms") == "" {
		t.Error("a stale read does not say how old it is")
	}
}

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
	"github.com/lockd/lockd/test/harness/inprocess"
	"github.com/lockd/lockd/test/harness/nodes"
)

const (
	alice = "alice-session-0001"
	bob   = "bob-session-000001"
	carol = "carol-session-0001"
)

func TestEveryNodeAnswersEveryRequest(t *testing.T) {
	c := inprocess.Start(t, 3, nil)
	leader := c.Leader()
	for i, m := range c.Nodes {
		t.Run(m.Name, func(t *testing.T) {
			name := fmt.Sprintf("job-%d", i)
			at := "/v1/leases/" + name
			first := m.Post(at+"/acquire", nodes.In{"holder": "alice", "session": alice, "meta": nodes.In{"url": "x"}}).Want(t, 201)
			again := m.Post(at+"/acquire", nodes.In{"holder": "alice", "session": alice, "meta": nodes.In{"url": "x"}}).Want(t, 200)
			token := first.Number("token")
			if again.Number("token") != token || token == 0 {
				t.Errorf("a repeated acquire changed the token from %d to %d", token, again.Number("token"))
			}
			held := m.Post(at+"/acquire", nodes.In{"holder": "bob", "session": bob}).Want(t, 409)
			if held.Text("type") != "/problems/held" || held.Body["definitive"] != true || held.Body["lost"] != nil {
				t.Errorf("held: %s", held.Raw)
			}
			if strings.Contains(held.Raw, alice) || strings.Contains(m.Get(at).Raw, alice) {
				t.Error("a read shows a session")
			}
			m.Post(at+"/renew", nodes.In{"session": alice, "token": token}).Want(t, 200)
			m.Post(at+"/renew", nodes.In{"session": alice, "token": token, "ttl_ms": 90_000}).Want(t, 200)
			m.Post(at+"/renew", nodes.In{"session": alice}).Want(t, 200)
			lost := m.Post(at+"/renew", nodes.In{"session": bob}).Want(t, 409)
			if lost.Text("type") != "/problems/not-holder" || lost.Body["lost"] != true {
				t.Errorf("not-holder: %s", lost.Raw)
			}
			m.Get(fmt.Sprintf("%s/check?token=%d", at, token)).Want(t, 200)
			m.Get(fmt.Sprintf("%s/check?token=%d", at, token+1)).Want(t, 409)
			m.Post("/v1/sessions/renew", nodes.In{"session": alice}).Want(t, 200)
			if a := m.Get("/v1/leases?prefix="+name).Want(t, 200); len(a.Body["leases"].([]any)) != 1 {
				t.Errorf("list: %s", a.Raw)
			}
			m.Get(at+"?stale=true").Want(t, 200)
			broken := m.Post(at+"/break", nodes.In{"token": token, "reason": "a test"}).Want(t, 202)
			if left := broken.Number("available_in_ms"); left < 80_000 || left > 90_000 {
				t.Errorf("the grace of a break is %d ms, want the time until the holder's deadline", left)
			}
			if a := m.Post(at+"/renew", nodes.In{"session": alice}).Want(t, 409); a.Text("type") != "/problems/broken" {
				t.Errorf("renewing a broken hold: %s", a.Raw)
			}
			m.Post(at+"/break", nodes.In{"token": token, "reason": "a test", "grace_ms": 0}).Want(t, 202)
			if a := m.Get(at).Want(t, 200); a.Text("state") != "free" {
				t.Errorf("after a forced break: %s", a.Raw)
			}
			second := m.Post(at+"/acquire", nodes.In{"holder": "bob", "session": bob}).Want(t, 201)
			if second.Number("token") <= token {
				t.Errorf("tokens went from %d to %d", token, second.Number("token"))
			}
			if p, _ := second.Body["previous"].(map[string]any); p["end"] != "broken" {
				t.Errorf("previous: %s", second.Raw)
			}
			m.Post(at+"/release", nodes.In{"session": bob, "token": second.Number("token")}).Want(t, 200)
			if a := m.Get(at+"/history").Want(t, 200); len(a.Body["events"].([]any)) < 5 {
				t.Errorf("history: %s", a.Raw)
			}
			if a := m.Get("/v1/cluster").Want(t, 200); a.Text("leader") != leader.Name {
				t.Errorf("cluster: %s", a.Raw)
			}
			m.Get("/metrics").Want(t, 200)
			m.Get("/openapi.yaml").Want(t, 200)
			m.Get("/healthz").Want(t, 200)
		})
	}
	c.Agree()
}

func TestQueueIsServedInOrderAcrossNodes(t *testing.T) {
	c := inprocess.Start(t, 3, nil)
	at := "/v1/leases/q"
	token := c.Leader().Post(at+"/acquire", nodes.In{"holder": "h", "session": alice}).Want(t, 201).Number("token")
	const waiters = 6
	var order []string
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range waiters {
		m := c.Nodes[i%3]
		session := fmt.Sprintf("waiter-session-%03d", i)
		all.Go(func() {
			a := m.Post(at+"/acquire", nodes.In{"holder": session, "session": session, "wait_ms": 30_000})
			if a.Status != 201 {
				t.Errorf("%s got %d %s %v", session, a.Status, a.Raw, a.Err)
				return
			}
			mu.Lock()
			order = append(order, session)
			mu.Unlock()
			m.Post(at+"/release", nodes.In{"session": session, "token": a.Number("token")}).Want(t, 200)
		})
		nodes.Eventually(t, session+" waits", func() bool {
			return c.Leader().Get(at).Number("queue_length") == int64(i+1)
		})
	}
	c.Follower().Post(at+"/release", nodes.In{"session": alice, "token": token}).Want(t, 200)
	all.Wait()
	for i, session := range order {
		if session != fmt.Sprintf("waiter-session-%03d", i) {
			t.Fatalf("served out of order: %v", order)
		}
	}
	if a := c.Leader().Get(at); a.Text("state") != "free" || a.Number("queue_length") != 0 {
		t.Errorf("afterwards: %s", a.Raw)
	}
	c.Agree()
}

func TestEndedWaitKeepsItsPlace(t *testing.T) {
	c := inprocess.Start(t, 1, nil)
	m := c.Leader()
	at := "/v1/leases/q"
	m.Post(at+"/acquire", nodes.In{"holder": "h", "session": alice}).Want(t, 201)
	a := m.Post(at+"/acquire", nodes.In{"holder": "b", "session": bob, "wait_ms": 50}).Want(t, 409)
	if a.Body["queued"] != true || a.Number("position") != 1 || a.Number("ticket_expires_in_ms") < 4_000 {
		t.Errorf("after the wait: %s", a.Raw)
	}
	m.Post(at+"/acquire", nodes.In{"holder": "c", "wait_ms": 20}).Want(t, 409) // without a session it leaves the queue
	if n := m.Get(at).Number("queue_length"); n != 1 {
		t.Errorf("%d waiters, want 1", n)
	}
	m.Post(at+"/release", nodes.In{"session": alice}).Want(t, 200)
	m.Post(at+"/acquire", nodes.In{"holder": "b", "session": bob}).Want(t, 200)
}

func TestDisconnectedClientLeavesQueueThroughFollower(t *testing.T) {
	c := inprocess.Start(t, 3, nil)
	at := "/v1/leases/q"
	c.Leader().Post(at+"/acquire", nodes.In{"holder": "h", "session": alice}).Want(t, 201)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan nodes.Answer, 1)
	go func() {
		gone <- c.Follower().DoContext(ctx, http.MethodPost, at+"/acquire", nodes.In{"holder": "b", "session": bob, "wait_ms": 60_000})
	}()
	queued := func(n int64) func() bool {
		return func() bool { return c.Leader().Get(at).Number("queue_length") == n }
	}
	nodes.Eventually(t, "bob waits", queued(1))
	cancel()
	<-gone
	nodes.Eventually(t, "bob has left the queue", queued(0))
	c.Agree()
}

// TestWaitOnLostConnectionKeepsItsPlace: a load balancer closes the connection of a waiting request. The client repeats
// it with its session, and still has its place before later waiters.
func TestWaitOnLostConnectionKeepsItsPlace(t *testing.T) {
	c := inprocess.Start(t, 3, nil)
	at := "/v1/leases/q"
	token := c.Leader().Post(at+"/acquire", nodes.In{"holder": "h", "session": alice}).Want(t, 201).Number("token")
	queued := func(n int64) func() bool {
		return func() bool { return c.Leader().Get(at).Number("queue_length") == n }
	}
	waits := func(ctx context.Context, session string) <-chan nodes.Answer {
		answer := make(chan nodes.Answer, 1)
		go func() {
			answer <- c.Follower().DoContext(ctx, http.MethodPost, at+"/acquire", nodes.In{"holder": session, "session": session, "wait_ms": 60_000})
		}()
		return answer
	}
	ctx, cut := context.WithCancel(t.Context())
	first := waits(ctx, bob)
	nodes.Eventually(t, "bob waits", queued(1))
	second := waits(t.Context(), carol)
	nodes.Eventually(t, "carol waits after bob", queued(2))
	cut()
	<-first
	again := waits(t.Context(), bob)
	c.Leader().Post(at+"/release", nodes.In{"session": alice, "token": token}).Want(t, 200)
	// The status is 200 if the lease was granted to bob's place before his second request arrived.
	if a := <-again; a.Status != 201 && a.Status != 200 || a.Number("token") <= token {
		t.Errorf("bob got %d %s", a.Status, a.Raw)
	}
	select {
	case a := <-second:
		t.Errorf("carol was served before bob: %s", a.Raw)
	default:
	}
	c.Leader().Post(at+"/release", nodes.In{"session": bob}).Want(t, 200)
	(<-second).Want(t, 201)
}

// TestWaitEndsWhenItsSessionLeavesTheQueue: a waiting request is answered at once when its session leaves the queue,
// with either request and through any node.
func TestWaitEndsWhenItsSessionLeavesTheQueue(t *testing.T) {
	c := inprocess.Start(t, 3, nil)
	at := "/v1/leases/q"
	c.Leader().Post(at+"/acquire", nodes.In{"holder": "a", "session": alice}).Want(t, 201)
	for _, leave := range []func(){
		func() { c.Leader().Post(at+"/release", nodes.In{"session": bob}).Want(t, 200) },
		func() { c.Follower().Post("/v1/sessions/release", nodes.In{"session": bob}).Want(t, 200) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second) // the wait is longer
		defer cancel()
		waited := make(chan nodes.Answer, 1)
		go func() {
			waited <- c.Follower().DoContext(ctx, http.MethodPost, at+"/acquire", nodes.In{"holder": "b", "session": bob, "wait_ms": 60_000})
		}()
		nodes.Eventually(t, "bob waits", func() bool { return c.Leader().Get(at).Number("queue_length") == 1 })
		leave()
		if a := (<-waited).Want(t, 409); a.Body["queued"] == true || a.Text("type") != "/problems/held" || a.Body["definitive"] != true {
			t.Errorf("bob got %s", a.Raw)
		}
	}
}

func TestFailoverDuringWaitsRenewalsAndWatches(t *testing.T) {
	c := inprocess.Start(t, 3, nil)
	leader := c.Leader()
	other := c.Follower()
	at := "/v1/leases/svc"
	token := other.Post(at+"/acquire", nodes.In{"holder": "a", "session": alice, "ttl_ms": 20_000}).Want(t, 201).Number("token")

	watching, cancelWatch := context.WithCancel(t.Context())
	defer cancelWatch()
	events := watch(t, watching, other, "/v1/watch?name=svc&after=0")

	waited := make(chan nodes.Answer, 1)
	go func() {
		waited <- other.Post(at+"/acquire", nodes.In{"holder": "b", "session": bob, "wait_ms": 50_000})
	}()
	nodes.Eventually(t, "bob waits", func() bool { return other.Get(at).Number("queue_length") == 1 })

	leader.Stop()
	nodes.Eventually(t, "the next leader renews", func() bool {
		return other.Post(at+"/renew", nodes.In{"session": alice, "token": token}).Status == http.StatusOK
	})
	// After a leader change a repeated acquire returns the same token.
	if a := other.Post(at+"/acquire", nodes.In{"holder": "a", "session": alice, "ttl_ms": 20_000}).Want(t, 200); a.Number("token") != token {
		t.Errorf("the token changed from %d to %d", token, a.Number("token"))
	}
	select {
	case a := <-waited:
		t.Fatalf("the wait ended with the leader: %s", a.Raw)
	default:
	}
	other.Post(at+"/release", nodes.In{"session": alice, "token": token}).Want(t, 200)
	a := (<-waited).Want(t, 201)
	if a.Number("token") <= token {
		t.Errorf("bob's token is %d, alice's was %d", a.Number("token"), token)
	}
	want := []string{"acquired a", "released a", "acquired b"}
	for _, w := range want {
		if e := <-events; e != w {
			t.Fatalf("the watch sent %q, want %q", e, w)
		}
	}
	leader.Start()
	c.WaitReady()
	c.Agree()
}

// watch opens a stream and returns its events as "type holder".
func watch(t *testing.T, ctx context.Context, m *inprocess.Node, path string) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.URL(path), nil)
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

func TestRestartOfEachAndOfAllNodesKeepsState(t *testing.T) {
	c := inprocess.Start(t, 3, nil)
	at := "/v1/leases/keep"
	token := c.Leader().Post(at+"/acquire", nodes.In{"holder": "a", "session": alice, "ttl_ms": 3_600_000}).Want(t, 201).Number("token")
	for _, m := range c.Nodes {
		m.Stop()
		m.Start()
		c.WaitReady()
		m.Post(at+"/renew", nodes.In{"session": alice, "token": token}).Want(t, 200)
	}
	for _, m := range c.Nodes {
		m.Stop()
	}
	for i := range c.Nodes {
		// In another order, and without bootstrap settings: the data directory has the cluster.
		m := c.Nodes[len(c.Nodes)-1-i]
		m.Config.BootstrapExpect, m.Config.Join = 0, nil
		m.Start()
	}
	c.WaitReady()
	c.Leader().Post(at+"/renew", nodes.In{"session": alice, "token": token}).Want(t, 200)
	next := c.Follower().Post("/v1/leases/new/acquire", nodes.In{"holder": "b", "session": bob}).Want(t, 201).Number("token")
	if next <= token {
		t.Errorf("after a restart of all nodes, token %d follows %d", next, token)
	}
	c.Agree()
}

func TestNodeAddressesMayChange(t *testing.T) {
	c := inprocess.Start(t, 3, nil)
	m := c.Follower()
	m.Stop()
	m.Config.PeerAddr, m.Config.HTTPAddr = nodes.FreeAddress(t), nodes.FreeAddress(t)
	m.Start()
	c.WaitReady()
	leader := c.Leader()
	nodes.Eventually(t, "the leader shows the new address", func() bool {
		return strings.Contains(leader.Get("/v1/cluster").Raw, m.Config.PeerAddr)
	})
	m.Post("/v1/leases/x/acquire", nodes.In{"holder": "a", "session": alice}).Want(t, 201)
	c.Agree()
}

func smallLog(cfg *app.Config) {
	cfg.SnapshotThreshold, cfg.TrailingLogs, cfg.SnapshotInterval = 16, 8, 10*time.Millisecond
}

func TestSnapshotIsInstalledOnNodeThatWasDown(t *testing.T) {
	c := inprocess.Start(t, 3, smallLog)
	down := c.Follower()
	down.Stop()
	leader := c.Leader()
	for i := range 200 {
		leader.Post(fmt.Sprintf("/v1/leases/l%03d/acquire", i),
			nodes.In{"holder": "a", "session": alice, "ttl_ms": 600_000}).Want(t, 201)
	}
	leader.Post("/v1/leases/l000/acquire", nodes.In{"holder": "b", "session": bob, "wait_ms": 1}).Want(t, 409)
	down.Start()
	c.WaitReady()
	c.Agree()
	if a := down.Get("/v1/leases?stale=true&limit=1000"); len(a.Body["leases"].([]any)) != 200 {
		t.Errorf("the node that was down has %d leases", len(a.Body["leases"].([]any)))
	}
	if a := down.Get("/v1/watch?name=l000&after=0&wait_ms=0"); a.Status != http.StatusOK && a.Status != http.StatusGone {
		t.Errorf("a watch from the beginning: %d %s", a.Status, a.Raw)
	}
}

func TestJoinAndRemoveUnderLoad(t *testing.T) {
	c := inprocess.Start(t, 3, smallLog)
	holder := c.Leader()
	token := holder.Post("/v1/leases/held/acquire", nodes.In{"holder": "h", "session": alice, "ttl_ms": 10_000}).Want(t, 201).Number("token")

	three := c.Nodes[:3:3]
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var cycles, lost atomic.Int64
	for i := range 4 {
		load.Go(func() {
			session := fmt.Sprintf("load-session-%04d", i)
			at := fmt.Sprintf("/v1/leases/load-%d", i)
			for ctx.Err() == nil {
				a := three[i%3].Post(at+"/acquire", nodes.In{"holder": session, "session": session})
				if a.Status == 200 || a.Status == 201 {
					three[i%3].Post(at+"/release", nodes.In{"session": session, "token": a.Number("token")})
					cycles.Add(1)
				}
			}
		})
	}
	load.Go(func() {
		for ctx.Err() == nil {
			if a := three[0].Post("/v1/leases/held/renew", nodes.In{"session": alice, "token": token}); a.Body["lost"] == true {
				lost.Add(1)
			}
		}
	})

	added := c.Add("n3", smallLog)
	added.Config.Join = []string{c.Nodes[0].Config.PeerAddr, c.Nodes[1].Config.PeerAddr}
	added.Start()
	nodes.Eventually(t, "the new node votes", added.Ready)

	removed := c.Nodes[2]
	c.Nodes[1].Post("/v1/cluster/remove", nodes.In{"id": "n2"}).Want(t, 200)
	nodes.Eventually(t, "n2 is not a member", func() bool {
		return !strings.Contains(c.Nodes[1].Get("/v1/cluster").Raw, `"name":"n2"`)
	})
	before := cycles.Load()
	nodes.Eventually(t, "the load continues", func() bool { return cycles.Load() > before+20 })
	stop()
	load.Wait()
	removed.Stop()
	if lost.Load() > 0 {
		t.Error("a held lease was lost while members changed")
	}
	c.Agree()

	c.Nodes[0].Post("/v1/cluster/remove", nodes.In{"id": "unknown"}).Want(t, 409)
	c.Nodes[0].Post("/v1/cluster/transfer-leader", nodes.In{"to": "n3"}).Want(t, 200)
	nodes.Eventually(t, "n3 leads", func() bool { return c.Leader().Name == "n3" })
}

func TestWatchResumesOnAnotherNodeWithoutGapsOrDuplicates(t *testing.T) {
	c := inprocess.Start(t, 3, nil)
	at := "/v1/leases/w"
	const cycles = 60
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range cycles {
			session := fmt.Sprintf("writer-session-%03d", i)
			a := c.Nodes[i%3].Post(at+"/acquire", nodes.In{"holder": session, "session": session, "wait_ms": 10_000})
			c.Nodes[(i+1)%3].Post(at+"/release", nodes.In{"session": session, "token": a.Number("token")})
		}
	})
	var revisions []int64
	after := int64(0)
	for i := 0; len(revisions) < 2*cycles; i++ {
		a := c.Nodes[i%3].Get(fmt.Sprintf("/v1/watch?name=w&after=%d&wait_ms=2000", after)).Want(t, 200)
		for _, e := range a.Body["events"].([]any) {
			revisions = append(revisions, int64(e.(map[string]any)["revision"].(float64)))
		}
		after = a.Number("revision")
	}
	writer.Wait()
	for i := 1; i < len(revisions); i++ {
		if revisions[i] <= revisions[i-1] {
			t.Fatalf("event %d is not after %d", revisions[i], revisions[i-1])
		}
	}
	if len(revisions) != 2*cycles {
		t.Errorf("%d events, want %d", len(revisions), 2*cycles)
	}
	c.Agree()
}

func TestDeadHoldersLeaseIsGrantedAfterItsTTLAndNotBefore(t *testing.T) {
	c := inprocess.Start(t, 3, nil)
	at := "/v1/leases/dead"
	sent := time.Now()
	a := c.Follower().Post(at+"/acquire", nodes.In{"holder": "a", "session": alice, "ttl_ms": 1_000}).Want(t, 201)
	deadline := sent.Add(time.Duration(a.Number("waited_ms")+a.Number("expires_in_ms")) * time.Millisecond)
	b := c.Leader().Post(at+"/acquire", nodes.In{"holder": "b", "session": bob, "wait_ms": 30_000}).Want(t, 201)
	if time.Now().Before(deadline) {
		t.Error("another session got the lease before the deadline of the first")
	}
	if p, _ := b.Body["previous"].(map[string]any); p["end"] != "expired" {
		t.Errorf("previous: %s", b.Raw)
	}
}

func TestAMinorityNeverGrantsRenewsOrReads(t *testing.T) {
	c := inprocess.Start(t, 3, func(cfg *app.Config) { cfg.RequestTimeout = 500 * time.Millisecond })
	at := "/v1/leases/m"
	c.Leader().Post(at+"/acquire", nodes.In{"holder": "a", "session": alice, "ttl_ms": 60_000}).Want(t, 201)
	survivor := c.Leader()
	for _, m := range c.Nodes {
		if m != survivor {
			m.Stop()
		}
	}
	for path, body := range map[string]nodes.In{
		at + "/renew":          {"session": alice},
		"/v1/leases/n/acquire": {"holder": "b", "session": bob},
		"/v1/sessions/renew":   {"session": alice},
		at + "/release":        {"session": alice, "token": 1},
	} {
		a := survivor.Post(path, body)
		if a.Status != http.StatusServiceUnavailable && a.Status != http.StatusGatewayTimeout {
			t.Errorf("%s: %d %s", path, a.Status, a.Raw)
		}
		if a.Body["lost"] != nil {
			t.Errorf("%s has lost: %s", path, a.Raw)
		}
	}
	survivor.Get(at).Want(t, http.StatusServiceUnavailable)
	stale := survivor.Get(at+"?stale=true").Want(t, 200)
	if stale.Header.Get("Lockd-Stale-Ms") == "" {
		t.Error("a stale read has no Lockd-Stale-Ms")
	}
}

package e2e

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/nodes"
)

func TestKillOfAnyNodeLosesNoLease(t *testing.T) {
	c := nodes.StartThree(t)
	at := "/v1/leases/kept"
	token := c.Nodes[0].Post(at+"/acquire", nodes.In{"holder": "a", "session": alice, "ttl_ms": 60_000}).Want(t, 201).Number("token")
	for _, victim := range c.Nodes {
		victim.Kill()
		rest := c.Others(victim)
		began := time.Now()
		nodes.Eventually(t, "a renewal passes", func() bool {
			return rest[0].Post(at+"/renew", nodes.In{"session": alice, "token": token}).Status == http.StatusOK
		})
		t.Logf("killed %s: the next renewal succeeded after %v", victim.Name, time.Since(began).Round(time.Millisecond))
		if a := rest[1].Post(at+"/acquire", nodes.In{"holder": "b", "session": bob}); a.Status != http.StatusConflict {
			t.Fatalf("another session was granted the lease: %d %s", a.Status, a.Raw)
		}
		victim.Start()
		victim.WaitReady()
	}
}

func TestKillOfAllNodesLosesNothing(t *testing.T) {
	c := nodes.StartThree(t)
	var tokens []int64
	names := []string{"a", "b", "c", "d"}
	for i, name := range names {
		a := c.Nodes[i%3].Post("/v1/leases/"+name+"/acquire", nodes.In{"holder": "h", "session": alice, "ttl_ms": 600_000}).Want(t, 201)
		tokens = append(tokens, a.Number("token"))
	}
	for _, n := range c.Nodes {
		n.Kill()
	}
	for _, n := range c.Nodes {
		n.Flags = nil // its data contains what it needs
		n.Start()
	}
	for _, n := range c.Nodes {
		n.WaitReady()
	}
	for i, name := range names {
		c.Nodes[i%3].Post("/v1/leases/"+name+"/renew", nodes.In{"session": alice, "token": tokens[i]}).Want(t, 200)
	}
	if a := c.Nodes[0].Post("/v1/leases/e/acquire", nodes.In{"holder": "h", "session": bob}).Want(t, 201); a.Number("token") <= tokens[3] {
		t.Errorf("token %d follows %d", a.Number("token"), tokens[3])
	}
}

func TestSigtermTransfersLeadershipAndExitsInTime(t *testing.T) {
	c := nodes.StartThree(t)
	old := c.Leader()
	at := "/v1/leases/x"
	old.Post(at+"/acquire", nodes.In{"holder": "a", "session": alice}).Want(t, 201)

	// A watch and a wait are open. Neither may delay the end of the node.
	stream, err := http.Get("http://" + old.HTTP + "/v1/watch?prefix=")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	waited := make(chan nodes.Answer, 1)
	go func() { waited <- old.Post(at+"/acquire", nodes.In{"holder": "b", "session": bob, "wait_ms": 60_000}) }()
	rest := c.Others(old)
	nodes.Eventually(t, "bob waits", func() bool { return rest[0].Get(at).Number("queue_length") == 1 })

	began := time.Now()
	old.Signal(syscall.SIGTERM)
	if err := old.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the node took %v to exit", took)
	}
	if a := <-waited; a.Err == nil && a.Status != http.StatusServiceUnavailable {
		t.Errorf("the wait returned %d %s", a.Status, a.Raw)
	}
	rest[0].Post(at+"/renew", nodes.In{"session": alice}).Want(t, 200)
	if n := rest[1].Get(at).Number("queue_length"); n != 1 {
		t.Errorf("the ticket was lost with the node: the queue length is %d", n)
	}
}

func TestSecondProcessOnTheSameDataIsRefused(t *testing.T) {
	n := nodes.New(t, "solo")
	n.Start()
	n.WaitReady()
	second := nodes.New(t, "solo")
	second.Dir = n.Dir
	code, output := second.Fails()
	if code == 0 || !strings.Contains(output, "in use by another lockd") {
		t.Errorf("exit %d: %s", code, output)
	}
	third := nodes.New(t, "another")
	n.Signal(syscall.SIGTERM)
	if err := n.Wait(); err != nil {
		t.Fatal(err)
	}
	third.Dir = n.Dir
	if _, output := third.Fails(); !strings.Contains(output, "--node-id") {
		t.Errorf("another name on the same data: %s", output)
	}
}

func TestDamagedDataIsRefused(t *testing.T) {
	damages := map[string]struct {
		file   string // glob pattern in the data directory
		damage func(t *testing.T, path string)
	}{
		"an entry of the log": {"log/*.log", func(t *testing.T, path string) {
			replace(t, path, "needle-in-the-log", "noodle-in-the-log")
		}},
		"a cut log":           {"log/*.log", func(t *testing.T, path string) { truncate(t, path, 10_000) }},
		"garbled votes":       {"raft.db", func(t *testing.T, path string) { garble(t, path) }},
		"a snapshot's state":  {"snapshots/*/state.bin", func(t *testing.T, path string) { replace(t, path, "holder-of-old", "holder-of-odd") }},
		"a cut snapshot":      {"snapshots/*/state.bin", func(t *testing.T, path string) { truncate(t, path, 20) }},
		"a snapshot's header": {"snapshots/*/meta.json", func(t *testing.T, path string) { truncate(t, path, 5) }},
		"the identity":        {"node.json", func(t *testing.T, path string) { replace(t, path, "solo", "sole") }},
		"a missing identity":  {"node.json", remove},
		"missing votes":       {"raft.db", remove},
		"a missing log":       {"log/*.log", remove},
	}
	n := nodes.New(t, "solo", "--snapshot-threshold", "16", "--trailing-logs", "4", "--snapshot-interval", "20ms")
	n.Start()
	n.WaitReady()
	for range 40 {
		a := n.Post("/v1/leases/old/acquire", nodes.In{"holder": "holder-of-old", "session": alice}).Want(t, 201)
		n.Post("/v1/leases/old/release", nodes.In{"session": alice, "token": a.Number("token")}).Want(t, 200)
	}
	nodes.Eventually(t, "there is a snapshot", func() bool {
		found, _ := filepath.Glob(filepath.Join(n.Dir, "snapshots", "*", "state.bin"))
		return len(found) > 0
	})
	n.Kill()
	// The last entry is still in the log.
	n.Flags = nil
	n.Start()
	n.WaitReady()
	n.Post("/v1/leases/new/acquire", nodes.In{"holder": "needle-in-the-log", "session": bob}).Want(t, 201)
	n.Kill()
	if err := os.Remove(filepath.Join(n.Dir, "admin.sock")); err != nil { // a socket cannot be copied
		t.Fatal(err)
	}

	for what, d := range damages {
		t.Run(what, func(t *testing.T) {
			hurt := nodes.New(t, "solo")
			if err := os.CopyFS(hurt.Dir, os.DirFS(n.Dir)); err != nil {
				t.Fatal(err)
			}
			found, err := filepath.Glob(filepath.Join(hurt.Dir, d.file))
			if err != nil || len(found) == 0 {
				t.Fatalf("no %s: %v", d.file, err)
			}
			for _, path := range found {
				d.damage(t, path)
			}
			code, output := hurt.Fails()
			if code == 0 || !strings.Contains(output, "is damaged") || !strings.Contains(output, filepath.Base(filepath.Dir(found[0]))) && !strings.Contains(output, filepath.Base(d.file)) {
				t.Errorf("exit %d: %s", code, output)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func replace(t *testing.T, path, old, new string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		t.Fatalf("%s does not contain %q", path, old)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(b), old, new)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// garble overwrites all pages after the two of the file header.
func garble(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 2 * 4096; i < len(b); i++ {
		b[i] ^= 0xA5
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRecoveryAfterALostQuorum(t *testing.T) {
	c := nodes.StartThree(t)
	at := "/v1/leases/r"
	token := c.Nodes[0].Post(at+"/acquire", nodes.In{"holder": "a", "session": alice, "ttl_ms": 2_000}).Want(t, 201).Number("token")
	for _, n := range c.Nodes {
		n.Kill()
	}
	survivor := c.Nodes[2]
	recover := func(args ...string) (string, error) {
		out, err := exec.Command(nodes.Binary(t), append([]string{"recover", "--data-dir", survivor.Dir}, args...)...).CombinedOutput()
		return string(out), err
	}
	out, err := recover()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(out, "LAST RESORT") {
		t.Fatalf("without --yes: %v %s", err, out)
	}
	for _, shown := range []string{"the quarantine (2s: ", "node          n2\n", "last log      ", "revision      ", "newest entry  20"} {
		if !strings.Contains(out, shown) {
			t.Errorf("before the confirmation, the output lacks %q: %s", shown, out)
		}
	}
	if out, err := recover("--yes"); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	survivor.Flags = nil
	survivor.Start()
	survivor.WaitReady()
	// Nothing is granted during the quarantine, which is the longest TTL seen.
	if a := survivor.Post("/v1/leases/other/acquire", nodes.In{"holder": "b", "session": bob}); a.Status != http.StatusConflict || a.Text("type") != "/problems/delayed" {
		t.Errorf("granted during the quarantine: %d %s", a.Status, a.Raw)
	}
	a := survivor.Post("/v1/leases/other/acquire", nodes.In{"holder": "b", "session": bob, "wait_ms": 30_000}).Want(t, 201)
	if jump := a.Number("token") - token; jump < 1<<32 {
		t.Errorf("after a recovery, token %d follows %d", a.Number("token"), token)
	}
	// If the lost nodes return with their old data, they are another cluster and cannot roll this one back.
	for _, n := range c.Nodes[:2] {
		n.Start()
	}
	for _, n := range c.Nodes[:2] {
		n.WaitReady()
	}
	if old, now := c.Nodes[0].Get("/v1/cluster").Text("cluster_id"), survivor.Get("/v1/cluster").Text("cluster_id"); old == now {
		t.Errorf("the recovered cluster has the old cluster ID %s", now)
	}
	survivor.Post("/v1/leases/other/renew", nodes.In{"session": bob, "token": a.Number("token")}).Want(t, 200)
	for _, n := range c.Nodes[:2] {
		n.Kill()
	}
	// A wiped node joins again as a new member with its old name.
	back := nodes.New(t, "n0", "--join", survivor.Peer)
	back.Start()
	back.WaitReady()
	back.Post("/v1/leases/other/renew", nodes.In{"session": bob}).Want(t, 200)
}

func TestWipedNodeRejoinsAtItsOldAddress(t *testing.T) {
	c := nodes.StartThree(t)
	at := "/v1/leases/kept"
	token := c.Nodes[0].Post(at+"/acquire", nodes.In{"holder": "a", "session": alice, "ttl_ms": 60_000}).Want(t, 201).Number("token")
	wiped := c.Nodes[1]
	wiped.Kill()
	if err := os.RemoveAll(wiped.Dir); err != nil {
		t.Fatal(err)
	}
	wiped.Start() // with the same flags, including --bootstrap-expect
	wiped.WaitReady()
	wiped.Post(at+"/renew", nodes.In{"session": alice, "token": token}).Want(t, 200)
	members, _ := c.Nodes[0].Get("/v1/cluster").Body["nodes"].([]any)
	if len(members) != 3 {
		t.Errorf("the cluster has %d members, want 3", len(members))
	}
	// The node has a vote: without a third node, the two continue.
	c.Nodes[2].Kill()
	nodes.Eventually(t, "the two nodes continue", func() bool {
		return wiped.Post(at+"/renew", nodes.In{"session": alice, "token": token}).Status == http.StatusOK
	})
}

func TestRemovedNodeDoesNotRejoin(t *testing.T) {
	c := nodes.StartThree(t)
	removed := c.Others(c.Leader())[0]
	rest := c.Others(removed)
	rest[0].Post("/v1/cluster/remove", nodes.In{"id": removed.Name}).Want(t, 200)
	nodes.Eventually(t, "the removed node reports that it is no member", func() bool {
		a := removed.Get("/readyz")
		return a.Status == http.StatusServiceUnavailable && (strings.Contains(a.Raw, "no member") || strings.Contains(a.Raw, "no leader"))
	})
	// The periodic updates of a node's own record do not add it again.
	for range 20 {
		rest[0].Post("/v1/leases/x/acquire", nodes.In{"holder": "a", "session": alice}).Want(t, 201)
		rest[0].Post("/v1/leases/x/release", nodes.In{"session": alice}).Want(t, 200)
		time.Sleep(50 * time.Millisecond)
	}
	if members, _ := rest[0].Get("/v1/cluster").Body["nodes"].([]any); len(members) != 2 {
		t.Errorf("the cluster has %d members, want 2", len(members))
	}
}

func TestInvalidSettingsAreExplained(t *testing.T) {
	for args, want := range map[string]string{
		"--http-addr nonsense":         "HOST:PORT",
		"--http-addr 0.0.0.0:7400":     "lockd tls init",
		"--peer-addr 0.0.0.0:7401":     "--insecure",
		"--join http://10.0.0.1:7400":  "the peer address of a node",
		"--bootstrap-expect 3":         "--join",
		"--heartbeat-timeout 1ms":      "50ms",
		"--log-level loud":             "debug",
		"--drain-timeout 1h":           "5s",
		"--no-such-flag":               "no-such-flag",
		"--bootstrap-expect a-few":     "bootstrap-expect",
		"--heartbeat-timeout sometime": "heartbeat-timeout",
	} {
		t.Run(args, func(t *testing.T) {
			cmd := exec.Command(nodes.Binary(t), append([]string{"server", "--data-dir", t.TempDir()}, strings.Fields(args)...)...)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 64 || !strings.Contains(string(out), want) {
				t.Errorf("%v, want exit 64 and %q: %s", err, want, out)
			}
		})
	}
}

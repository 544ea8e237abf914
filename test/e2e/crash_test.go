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
)

func TestKillOfAnyNodeLosesNoLease(t *testing.T) {
	c := startTrio(t)
	at := "/v1/leases/kept"
	token := c.nodes[0].post(at+"/acquire", in{"holder": "a", "session": alice, "ttl_ms": 60_000}).want(t, 201).number("token")
	for _, victim := range c.nodes {
		victim.kill()
		rest := c.others(victim)
		began := time.Now()
		eventually(t, "a renewal passes", func() bool {
			return rest[0].post(at+"/renew", in{"session": alice, "token": token}).status == http.StatusOK
		})
		t.Logf("killed %s: the next renewal passed after %v", victim.name, time.Since(began).Round(time.Millisecond))
		if a := rest[1].post(at+"/acquire", in{"holder": "b", "session": bob}); a.status != http.StatusConflict {
			t.Fatalf("somebody else was granted: %d %s", a.status, a.raw)
		}
		victim.start()
		victim.waitReady()
	}
}

func TestKillOfAllNodesLosesNothing(t *testing.T) {
	c := startTrio(t)
	var tokens []int64
	names := []string{"a", "b", "c", "d"}
	for i, name := range names {
		a := c.nodes[i%3].post("/v1/leases/"+name+"/acquire", in{"holder": "h", "session": alice, "ttl_ms": 600_000}).want(t, 201)
		tokens = append(tokens, a.number("token"))
	}
	for _, n := range c.nodes {
		n.kill()
	}
	for _, n := range c.nodes {
		n.flags = nil // what it needs to know is in its data
		n.start()
	}
	for _, n := range c.nodes {
		n.waitReady()
	}
	for i, name := range names {
		c.nodes[i%3].post("/v1/leases/"+name+"/renew", in{"session": alice, "token": tokens[i]}).want(t, 200)
	}
	if a := c.nodes[0].post("/v1/leases/e/acquire", in{"holder": "h", "session": bob}).want(t, 201); a.number("token") <= tokens[3] {
		t.Errorf("a token of %d follows %d", a.number("token"), tokens[3])
	}
}

func TestSigtermHandsOverAndEndsInTime(t *testing.T) {
	c := startTrio(t)
	old := leader(t, c.nodes...)
	at := "/v1/leases/x"
	old.post(at+"/acquire", in{"holder": "a", "session": alice}).want(t, 201)

	// A watch and a wait are open; neither may keep the node.
	stream, err := http.Get("http://" + old.http + "/v1/watch?prefix=")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	waited := make(chan answer, 1)
	go func() { waited <- old.post(at+"/acquire", in{"holder": "b", "session": bob, "wait_ms": 60_000}) }()
	rest := c.others(old)
	eventually(t, "bob waits", func() bool { return rest[0].get(at).number("queue_length") == 1 })

	began := time.Now()
	old.signal(syscall.SIGTERM)
	if err := old.wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v to end", took)
	}
	if a := <-waited; a.err == nil && a.status != http.StatusServiceUnavailable {
		t.Errorf("the wait was answered %d %s", a.status, a.raw)
	}
	rest[0].post(at+"/renew", in{"session": alice}).want(t, 200)
	if n := rest[1].get(at).number("queue_length"); n != 1 {
		t.Errorf("the place in the queue is gone with the node: %d wait", n)
	}
}

func TestASecondProcessOnTheSameDataSaysSo(t *testing.T) {
	n := newNode(t, "solo")
	n.start()
	n.waitReady()
	second := newNode(t, "solo")
	second.dir = n.dir
	code, said := second.fails()
	if code == 0 || !strings.Contains(said, "in use by another lockd") {
		t.Errorf("exit %d: %s", code, said)
	}
	third := newNode(t, "another")
	n.signal(syscall.SIGTERM)
	if err := n.wait(); err != nil {
		t.Fatal(err)
	}
	third.dir = n.dir
	if _, said := third.fails(); !strings.Contains(said, "--node-id") {
		t.Errorf("another name on the same data: %s", said)
	}
}

func TestDamagedDataIsRefused(t *testing.T) {
	damages := map[string]struct {
		file   string // a glob in the data directory
		damage func(t *testing.T, path string)
	}{
		"an entry of the log": {"raft.db", func(t *testing.T, path string) {
			replace(t, path, "needle-in-the-log", "noodle-in-the-log")
		}},
		"a cut log":           {"raft.db", func(t *testing.T, path string) { truncate(t, path, 10_000) }},
		"a garbled log":       {"raft.db", func(t *testing.T, path string) { garble(t, path) }},
		"a snapshot's state":  {"snapshots/*/state.bin", func(t *testing.T, path string) { replace(t, path, "holder-of-old", "holder-of-odd") }},
		"a cut snapshot":      {"snapshots/*/state.bin", func(t *testing.T, path string) { truncate(t, path, 20) }},
		"a snapshot's header": {"snapshots/*/meta.json", func(t *testing.T, path string) { truncate(t, path, 5) }},
		"the identity":        {"node.json", func(t *testing.T, path string) { replace(t, path, "solo", "sole") }},
		"a missing identity":  {"node.json", remove},
		"a missing log":       {"raft.db", remove},
	}
	n := newNode(t, "solo", "--snapshot-threshold", "16", "--trailing-logs", "4", "--snapshot-interval", "20ms")
	n.start()
	n.waitReady()
	for range 40 {
		a := n.post("/v1/leases/old/acquire", in{"holder": "holder-of-old", "session": alice}).want(t, 201)
		n.post("/v1/leases/old/release", in{"session": alice, "token": a.number("token")}).want(t, 200)
	}
	eventually(t, "there is a snapshot", func() bool {
		found, _ := filepath.Glob(filepath.Join(n.dir, "snapshots", "*", "state.bin"))
		return len(found) > 0
	})
	n.kill()
	// The last entry is surely still in the log.
	n.flags = nil
	n.start()
	n.waitReady()
	n.post("/v1/leases/new/acquire", in{"holder": "needle-in-the-log", "session": bob}).want(t, 201)
	n.kill()

	for what, d := range damages {
		t.Run(what, func(t *testing.T) {
			hurt := newNode(t, "solo")
			if err := os.CopyFS(hurt.dir, os.DirFS(n.dir)); err != nil {
				t.Fatal(err)
			}
			found, err := filepath.Glob(filepath.Join(hurt.dir, d.file))
			if err != nil || len(found) == 0 {
				t.Fatalf("no %s: %v", d.file, err)
			}
			for _, path := range found {
				d.damage(t, path)
			}
			code, said := hurt.fails()
			if code == 0 || !strings.Contains(said, "is damaged") || !strings.Contains(said, filepath.Base(d.file)) && !strings.Contains(said, "snapshots") {
				t.Errorf("exit %d: %s", code, said)
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

// garble overwrites the pages behind the two of the file's own header.
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
	c := startTrio(t)
	at := "/v1/leases/r"
	token := c.nodes[0].post(at+"/acquire", in{"holder": "a", "session": alice, "ttl_ms": 2_000}).want(t, 201).number("token")
	for _, n := range c.nodes {
		n.kill()
	}
	survivor := c.nodes[2]
	recover := func(args ...string) (string, error) {
		out, err := exec.Command(lockd(t), append([]string{"recover", "--data-dir", survivor.dir}, args...)...).CombinedOutput()
		return string(out), err
	}
	out, err := recover()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(out, "LAST RESORT") {
		t.Fatalf("without --yes: %v %s", err, out)
	}
	if out, err := recover("--yes"); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	survivor.flags = nil
	survivor.start()
	survivor.waitReady()
	// Nothing is granted within the quarantine, which is the longest TTL seen.
	if a := survivor.post("/v1/leases/other/acquire", in{"holder": "b", "session": bob}); a.status != http.StatusConflict || a.text("type") != "/problems/delayed" {
		t.Errorf("granted within the quarantine: %d %s", a.status, a.raw)
	}
	a := survivor.post("/v1/leases/other/acquire", in{"holder": "b", "session": bob, "wait_ms": 30_000}).want(t, 201)
	if jump := a.number("token") - token; jump < 1<<32 {
		t.Errorf("after a recovery, token %d follows %d", a.number("token"), token)
	}
	// Should the lost ones come back with their old data after all, they are another
	// cluster: they cannot roll this one back.
	for _, n := range c.nodes[:2] {
		n.start()
	}
	for _, n := range c.nodes[:2] {
		n.waitReady()
	}
	if old, now := c.nodes[0].get("/v1/cluster").text("cluster_id"), survivor.get("/v1/cluster").text("cluster_id"); old == now {
		t.Errorf("the recovered cluster goes by its old name %s", now)
	}
	survivor.post("/v1/leases/other/renew", in{"session": bob, "token": a.number("token")}).want(t, 200)
	for _, n := range c.nodes[:2] {
		n.kill()
	}
	// A wiped node joins again, as a new member under its old name.
	back := newNode(t, "n0", "--join", survivor.http)
	back.start()
	back.waitReady()
	back.post("/v1/leases/other/renew", in{"session": bob}).want(t, 200)
}

func TestAWipedNodeComesBackAtItsOldAddress(t *testing.T) {
	c := startTrio(t)
	at := "/v1/leases/kept"
	token := c.nodes[0].post(at+"/acquire", in{"holder": "a", "session": alice, "ttl_ms": 60_000}).want(t, 201).number("token")
	wiped := c.nodes[1]
	wiped.kill()
	if err := os.RemoveAll(wiped.dir); err != nil {
		t.Fatal(err)
	}
	wiped.start() // the same flags, bootstrap-expect among them
	wiped.waitReady()
	wiped.post(at+"/renew", in{"session": alice, "token": token}).want(t, 200)
	members, _ := c.nodes[0].get("/v1/cluster").body["nodes"].([]any)
	if len(members) != 3 {
		t.Errorf("the cluster has %d members, want 3", len(members))
	}
	// It has a real vote: with another one gone, the two of them go on.
	c.nodes[2].kill()
	eventually(t, "the two go on", func() bool {
		return wiped.post(at+"/renew", in{"session": alice, "token": token}).status == http.StatusOK
	})
}

func TestARemovedNodeStaysOut(t *testing.T) {
	c := startTrio(t)
	removed := c.others(leader(t, c.nodes...))[0]
	rest := c.others(removed)
	rest[0].post("/v1/cluster/remove", in{"id": removed.name}).want(t, 200)
	eventually(t, "the removed node says so", func() bool {
		a := removed.get("/readyz")
		return a.status == http.StatusServiceUnavailable && (strings.Contains(a.raw, "no member") || strings.Contains(a.raw, "no leader"))
	})
	// Several rounds of what a node does to keep its record right change nothing.
	for range 20 {
		rest[0].post("/v1/leases/x/acquire", in{"holder": "a", "session": alice}).want(t, 201)
		rest[0].post("/v1/leases/x/release", in{"session": alice}).want(t, 200)
		time.Sleep(50 * time.Millisecond)
	}
	if members, _ := rest[0].get("/v1/cluster").body["nodes"].([]any); len(members) != 2 {
		t.Errorf("the cluster has %d members, want 2", len(members))
	}
}

func TestWrongSettingsSayWhatWouldBeRight(t *testing.T) {
	for args, want := range map[string]string{
		"--http-addr nonsense":         "HOST:PORT",
		"--bootstrap-expect 3":         "--join",
		"--heartbeat-timeout 1ms":      "50ms",
		"--log-level loud":             "debug",
		"--drain-timeout 1h":           "5s",
		"--no-such-flag":               "no-such-flag",
		"--bootstrap-expect a-few":     "bootstrap-expect",
		"--heartbeat-timeout sometime": "heartbeat-timeout",
	} {
		t.Run(args, func(t *testing.T) {
			cmd := exec.Command(lockd(t), append([]string{"server", "--data-dir", t.TempDir()}, strings.Fields(args)...)...)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 64 || !strings.Contains(string(out), want) {
				t.Errorf("%v, want exit 64 and %q: %s", err, want, out)
			}
		})
	}
}

package upgrade

import (
	"encoding/json"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/internal/cluster"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/test/harness/inprocess"
	"github.com/lockd/lockd/test/harness/nodes"
)

var makeThem = flag.Bool("make", false, "write the golden data directories of this version")

const (
	bob  = "bob-s-session-0001"
	dave = "dave--session-0001"
)

// names are the names that fill and line use.
var names = []string{"short", "long", "gpu", "broken", "asked", "reclaimed", "all.1", "all.2", "freed", "given", "queue"}

// fill creates every kind of state.
func fill(t *testing.T, s *inprocess.Node) {
	at := func(name string) string { return "/v1/leases/" + name }
	take := func(name, session string, more nodes.In) int64 {
		return s.Post(at(name)+"/acquire", request(session, more)).Want(t, 201).Number("token")
	}
	take("short", alice, nodes.In{"meta": nodes.In{"host": "m1"}})
	take("long", alice, nodes.In{"ttl_ms": 86_400_000, "delay_ms": 5_000})
	take("gpu", alice, nodes.In{"limit": 3})
	take("gpu", bob, nodes.In{"limit": 3})
	take("gpu", carol, nodes.In{"limit": 3})
	s.Post(at("gpu")+"/release", nodes.In{"session": bob, "delay_ms": 60_000}).Want(t, 200)
	s.Post(at("broken")+"/break", nodes.In{"token": take("broken", bob, nodes.In{"ttl_ms": 3_600_000}), "reason": "stuck", "grace_ms": 3_000_000}).Want(t, 202)
	s.Post(at("asked")+"/step-down", nodes.In{"token": take("asked", alice, nil), "to": "h-carol", "within_ms": 3_600_000}).Want(t, 202)
	take("reclaimed", alice, nil)
	s.Post(at("reclaimed")+"/acquire", request(alice, nodes.In{"reclaim": true})).Want(t, 201)
	s.Post("/v1/acquire", nodes.In{"names": []string{"all.1", "all.2"}, "holder": "h-carol", "session": carol, "ttl_ms": 60_000}).Want(t, 201)
	for range 3 {
		take("freed", bob, nil)
		s.Post(at("freed")+"/release", nodes.In{"session": bob}).Want(t, 200)
	}
	take("given", alice, nil)
	wait(t, s, "given", bob, nil)
	s.Post(at("given")+"/transfer", nodes.In{"session": alice, "to": "h-bob-s"}).Want(t, 200)
	take("queue", alice, nil)
	s.Post("/apis/coordination.k8s.io/v1/namespaces/default/leases", nodes.In{
		"metadata": nodes.In{"name": "demo", "labels": nodes.In{"app": "demo"}}, "spec": nodes.In{"holderIdentity": "node-a", "leaseDurationSeconds": 86_400},
	}).Want(t, 201)
}

// line fills a queue with two waiters, and a ticket whose wait has timed out.
func line(t *testing.T, s *inprocess.Node) {
	wait(t, s, "queue", bob, nodes.In{"priority": -5})
	wait(t, s, "queue", carol, nodes.In{"priority": 9, "meta": nodes.In{"n": 1}})
	s.Post("/v1/leases/queue/acquire", request(dave, nodes.In{"wait_ms": 50})).Want(t, 409)
}

// request returns the body of an acquire.
func request(session string, more nodes.In) nodes.In {
	body := nodes.In{"holder": "h-" + session[:5], "session": session, "ttl_ms": 60_000}
	for k, v := range more {
		body[k] = v
	}
	return body
}

// wait sends an acquire in the background, and returns when its ticket is in the queue.
func wait(t *testing.T, s *inprocess.Node, name, session string, more nodes.In) {
	t.Helper()
	length := s.Get("/v1/leases/" + name).Number("queue_length")
	body := request(session, more)
	body["wait_ms"] = 60_000
	go s.DoWithin(time.Minute, http.MethodPost, "/v1/leases/"+name+"/acquire", body)
	nodes.Eventually(t, session+" waits", func() bool { return s.Get("/v1/leases/"+name).Number("queue_length") > length })
}

func TestMakeGoldenDirectories(t *testing.T) {
	if !*makeThem {
		t.Skip("only with -make")
	}
	t.Run("log", func(t *testing.T) {
		dir := t.TempDir()
		s := serve(t, "a", dir, nil)
		fill(t, s)
		line(t, s)
		keep(t, "log", read(t, s), s.Stop, dir)
	})
	t.Run("snapshot", func(t *testing.T) {
		dir := t.TempDir()
		s := serve(t, "a", dir, func(c *app.Config) {
			c.SnapshotThreshold, c.SnapshotInterval, c.TrailingLogs = 1, 5*time.Millisecond, 1
		})
		fill(t, s)
		nodes.Eventually(t, "a snapshot is made", func() bool { return snapshots(t, dir) > 0 })
		s.Stop()
		s = serve(t, "a", dir, nil)
		line(t, s)
		keep(t, "snapshot", read(t, s), s.Stop, dir)
	})
	t.Run("three", func(t *testing.T) {
		dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
		all := serveThree(t, dirs, func(c *app.Config) {
			c.SnapshotThreshold, c.SnapshotInterval, c.TrailingLogs = 20, 20*time.Millisecond, 5
		})
		fill(t, all[0])
		line(t, all[0])
		f := read(t, all[0])
		f.Hash = "" // the nodes continue to update their records
		keep(t, "three", f, func() {
			for _, s := range all {
				s.Stop()
			}
		}, dirs...)
	})
	t.Run("recovered", func(t *testing.T) {
		dir := t.TempDir()
		s := serve(t, "a", dir, nil)
		fill(t, s)
		f := read(t, s)
		f.Hash = "" // the hash is from before the recovery
		keep(t, "recovered", f, func() {
			s.Stop()
			_, err := cluster.Recover(cluster.Recovery{Dir: dir, Quarantine: -1, Now: time.Now(), Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
		}, dir)
	})
}

// keep stops the nodes of the directories and stores the directories with their expected content.
func keep(t *testing.T, name string, f found, stop func(), dirs ...string) {
	t.Helper()
	path := filepath.Join(golden(fsm.EntryVersion), name)
	if _, err := os.Stat(path + ".tar.gz"); err == nil {
		t.Fatalf("%s exists and must not be replaced", path)
	}
	stop()
	if err := os.MkdirAll(golden(fsm.EntryVersion), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := pack(path+".tar.gz", dirs); err != nil {
		t.Fatal(err)
	}
	raw, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".json", append(raw, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

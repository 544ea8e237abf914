package upgrade

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/storage/segments"
	"github.com/lockd/lockd/test/harness/nodes"
)

// sealedSince is the version since which data directories contain the hash of a session and not the session.
const sealedSince = 3

// TestOldDirectoriesLoseTheirSessions opens directories of versions that stored sessions. Their holders renew, and when
// the old log and snapshots have been replaced, no session is left in the new ones.
func TestOldDirectoriesLoseTheirSessions(t *testing.T) {
	for version := 1; version < sealedSince; version++ {
		for _, name := range []string{"log", "snapshot"} {
			t.Run(fmt.Sprintf("v%d/%s", version, name), func(t *testing.T) { losesSessions(t, version, name) })
		}
	}
}

func losesSessions(t *testing.T, version int, name string) {
	dirs, want := open(t, version, name, 1)
	if len(sessionsIn(t, dirs[0])) == 0 {
		t.Fatal("it contains no session")
	}
	s := serve(t, "a", dirs[0], func(c *app.Config) {
		c.SnapshotThreshold, c.SnapshotInterval, c.TrailingLogs = 1, 5*time.Millisecond, 1
	})
	newest := goesOn(t, s, want)
	ttl := 0
	nodes.Eventually(t, "the old snapshots have been replaced", func() bool {
		ttl++ // so that each renewal is logged
		s.Post("/v1/leases/long/renew", nodes.In{"session": alice, "ttl_ms": 86_000_000 + ttl}).Want(t, 200)
		return snapshots(t, dirs[0]) > 0 && len(sessionsInSnapshots(t, dirs[0])) == 0
	})
	if v := s.Metric("lockd_entry_version"); v != fsm.EntryVersion {
		t.Errorf("it writes version %v", v)
	}
	s.Stop()
	if found := sessionsIn(t, dirs[0]); len(found) > 0 {
		t.Errorf("it still contains sessions: %q", found)
	}
	again := serve(t, "a", dirs[0], nil)
	stays(t, again, newest)
	again.Post("/v1/leases/short/renew", nodes.In{"session": alice, "token": want.Leases["short"]["token"]}).Want(t, 200)
}

// sessionsIn returns which sessions the log and the snapshots of a stopped node contain. Entries that a snapshot
// replaced are not part of the log. Their bytes stay until their segment is removed.
func sessionsIn(t *testing.T, dir string) (found []string) {
	t.Helper()
	log := openLog(t, dir)
	defer log.Close()
	first, _ := log.FirstIndex()
	last, _ := log.LastIndex()
	if last == 0 {
		t.Fatal("the log has no entry")
	}
	for i := first; i <= last; i++ {
		var entry raft.Log
		if err := log.GetLog(i, &entry); err != nil {
			t.Fatal(err)
		}
		found = append(found, sessionsOf(entry.Data)...)
	}
	return append(found, sessionsInSnapshots(t, dir)...)
}

type closableLog interface {
	raft.LogStore
	Close() error
}

// openLog opens the log of a stopped node: of a version of before segments, or of this one.
func openLog(t *testing.T, dir string) closableLog {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "log")); err != nil {
		old, err := raftboltdb.New(raftboltdb.Options{Path: filepath.Join(dir, "raft.db"), BoltOptions: &bbolt.Options{Timeout: nodes.Patience}})
		if err != nil {
			t.Fatal(err)
		}
		return old
	}
	log, err := segments.Open(segments.Config{Dir: filepath.Join(dir, "log")})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func sessionsInSnapshots(t *testing.T, dir string) (found []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "snapshots", "*", "state.bin"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if raw, err := os.ReadFile(path); err == nil { // an old one may be removed meanwhile
			found = append(found, sessionsOf(raw)...)
		}
	}
	return found
}

func sessionsOf(raw []byte) (found []string) {
	for _, session := range []string{alice, bob, carol, dave} {
		if bytes.Contains(raw, []byte(session)) {
			found = append(found, session)
		}
	}
	return found
}

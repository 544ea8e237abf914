package upgrade

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/internal/fsm"
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

// sessionsIn returns which sessions the log and the snapshots of a stopped node contain. Pages of the file of the log
// that are no longer in use are not part of the log. They have old bytes until they are used again.
func sessionsIn(t *testing.T, dir string) (found []string) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, "raft.db"), 0o600, &bbolt.Options{ReadOnly: true, Timeout: nodes.Patience})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	entries := 0
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(_, value []byte) error {
				entries++
				found = append(found, sessionsOf(value)...)
				return nil
			})
		})
	})
	if err != nil || entries == 0 {
		t.Fatalf("the log has %d values, %v", entries, err)
	}
	return append(found, sessionsInSnapshots(t, dir)...)
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

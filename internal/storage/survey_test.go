package storage

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
)

// What is shown before a recovery is what the recovery starts from.
func TestSurveyShowsStartOfRecovery(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	if _, err := Look(dir, log); !errors.Is(err, ErrNoData) || len(entriesOf(t, dir)) != 0 {
		t.Errorf("an empty directory: %v, and now it has %v", err, entriesOf(t, dir))
	}
	if err := openNew(dir); err != nil {
		t.Fatal(err)
	}
	s := storesFor(t, dir, nil)
	if err := s.Stable.SetUint64([]byte("CurrentTerm"), 8); err != nil {
		t.Fatal(err)
	}
	if _, err := put(s.snapshots, 5, snapshotBytes(t, machineAt(5))); err != nil {
		t.Fatal(err)
	}
	wall := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	long := &fsm.Acquire{Name: "long", Session: "first-session-0001", TTL: 3_600_000, Limit: 1}
	for i, term := range []uint64{3, 7} {
		entry := &fsm.Entry{Term: 7, Stamp: 9, Wall: wall.UnixMilli(), Commands: []fsm.Command{long}}
		b, err := entry.Encode(fsm.EntryVersion)
		if err != nil {
			t.Fatal(err)
		}
		// The first one was packed in another term, and has no effect.
		if err := s.Log.StoreLog(&raft.Log{Index: uint64(6 + i), Term: term, Type: raft.LogCommand, Data: b}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	got, err := Look(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	want := Survey{Node: "solo", Term: 8, LastLogTerm: 7, LastLogIndex: 7, Revision: got.Revision, Newest: got.Newest, Quarantine: 3_600_000}
	if got != want || !got.Newest.Equal(wall) || got.Revision <= machineAt(5).Revision() {
		t.Errorf("got %+v", got)
	}
}

// openNew makes a data directory of a node that has a name only.
func openNew(dir string) error {
	s, err := open(Options{Dir: dir, Fail: func(error) {}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	_, err = s.LoadIdentity("solo")
	return errors.Join(err, s.Close())
}

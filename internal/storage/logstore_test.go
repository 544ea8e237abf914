package storage

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

// openAs opens a directory with its log in a store.
func openAs(t *testing.T, dir string, where LogStore) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, Create: true, LogStore: where, Fail: func(err error) { t.Error(err) }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.LoadIdentity("solo"); err != nil {
		t.Fatal(err)
	}
	return s
}

func entriesOfLog(t *testing.T, log raft.LogStore) (entries []raft.Log) {
	t.Helper()
	first, _ := log.FirstIndex()
	last, _ := log.LastIndex()
	for i := first; i > 0 && i <= last; i++ {
		var l raft.Log
		if err := log.GetLog(i, &l); err != nil {
			t.Fatal(err)
		}
		l.AppendedAt = l.AppendedAt.UTC()
		entries = append(entries, l)
	}
	return entries
}

// TestALogMovesWhole moves a log there and back. Each move may end at any of its writes: the
// next start has the same log.
func TestALogMovesWhole(t *testing.T) {
	for _, way := range []struct{ from, to LogStore }{{Bolt, Segments}, {Segments, Bolt}} {
		dir := t.TempDir()
		s := openAs(t, dir, way.from)
		if _, err := put(s.snapshots, 20, snapshotBytes(t, machineAt(20))); err != nil {
			t.Fatal(err)
		}
		for i := uint64(11); i < 150; i++ {
			if err := s.Log.StoreLog(entry(i)); err != nil {
				t.Fatal(err)
			}
		}
		want := entriesOfLog(t, s.Log)
		s.Close()
		ends := 0
		for allowed := 0; ; allowed++ {
			cut := t.TempDir()
			if err := os.CopyFS(cut, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			left := allowed
			over := errors.New("the power is cut")
			s, err := Open(Options{Dir: cut, LogStore: way.to, Fail: func(error) {}, Log: slog.New(slog.DiscardHandler), Disk: func(write func() error) error {
				if left--; left < 0 {
					return over
				}
				return write()
			}})
			if err != nil && !errors.Is(err, over) {
				t.Fatal(err)
			}
			s.Close()
			ends++
			for _, next := range []LogStore{"", way.from, way.to} {
				again := t.TempDir()
				if err := os.CopyFS(again, os.DirFS(cut)); err != nil {
					t.Fatal(err)
				}
				s, err := Open(Options{Dir: again, LogStore: next, Fail: func(error) {}, Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatalf("from %s, cut after %d writes, opened as %q: %v", way.from, allowed, next, err)
				}
				if got := entriesOfLog(t, s.Log); !reflect.DeepEqual(got, want) {
					t.Fatalf("from %s, cut after %d writes, opened as %q: %d entries, want %d", way.from, allowed, next, len(got), len(want))
				}
				if next != "" && missing(filepath.Join(again, segmentsDir)) != (next == Bolt) {
					t.Errorf("opened as %q, and the directory of the segments is missing: %v", next, next != Bolt)
				}
				s.Close()
			}
			if err == nil {
				break
			}
		}
		if ends < 4 {
			t.Errorf("the move from %s made only %d writes", way.from, ends)
		}
	}
}

// TestAVersionThatKnowsOnlyBboltRefusesSegments: with an empty log it would vote as if it had
// acknowledged nothing.
func TestAVersionThatKnowsOnlyBboltRefusesSegments(t *testing.T) {
	for where, format := range map[LogStore]string{Bolt: `"format": 1,`, Segments: `"format": 2,`} {
		dir := t.TempDir()
		openAs(t, dir, where).Close()
		if raw, err := os.ReadFile(filepath.Join(dir, identityFile)); err != nil || !strings.Contains(string(raw), format) {
			t.Errorf("the log is in %s, and the identity is %s, %v", where, raw, err)
		}
	}
}

// TestALogThatASnapshotCoversIsRemoved as a node finds it that stopped between a snapshot which
// another node sent and the removal of its log.
func TestALogThatASnapshotCoversIsRemoved(t *testing.T) {
	dir := t.TempDir()
	s := openAs(t, dir, Segments)
	for i := uint64(1); i < 10; i++ {
		if err := s.Log.StoreLog(entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := put(s.snapshots, 20, snapshotBytes(t, machineAt(20))); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = openAs(t, dir, Segments)
	defer s.Close()
	if got := entriesOfLog(t, s.Log); len(got) > 0 {
		t.Errorf("it has %d entries", len(got))
	}
	if err := s.Log.StoreLog(entry(21)); err != nil {
		t.Error(err)
	}
}

// TestDamagedSegmentsAreNamed at the start.
func TestDamagedSegmentsAreNamed(t *testing.T) {
	dir := t.TempDir()
	s := openAs(t, dir, Segments)
	if err := s.Log.StoreLog(entry(1)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	path := filepath.Join(dir, segmentsDir, "0000000001.log")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, harm := range map[string]func() error{
		"a flipped bit": func() error { raw[150] ^= 1; return os.WriteFile(path, raw, 0o600) },
		"no segment":    func() error { return os.Remove(path) },
		"no directory":  func() error { return os.RemoveAll(filepath.Dir(path)) },
	} {
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		_, err := Open(Options{Dir: dir, LogStore: Segments, Fail: func(error) {}, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), path+" is damaged") || strings.Count(err.Error(), "is damaged") > 1 {
			t.Errorf("%s: %v", what, err)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// TestALostIdentityCostsNoEntry: the directory is refused, and nothing is removed from it.
func TestALostIdentityCostsNoEntry(t *testing.T) {
	for _, way := range []struct{ had, opened LogStore }{{Bolt, Segments}, {Segments, Bolt}} {
		dir := t.TempDir()
		s := openAs(t, dir, way.had)
		if err := errors.Join(s.Stable.SetUint64([]byte("CurrentTerm"), 3), s.Log.StoreLog(entry(1)), s.Close()); err != nil {
			t.Fatal(err)
		}
		identity := filepath.Join(dir, identityFile)
		if err := os.Rename(identity, identity+"-away"); err != nil {
			t.Fatal(err)
		}
		s, err := Open(Options{Dir: dir, LogStore: way.opened, Fail: func(error) {}, Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			_, err = s.LoadIdentity("solo")
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), identityFile) {
			t.Errorf("without its identity: %v", err)
		}
		if err := os.Rename(identity+"-away", identity); err != nil {
			t.Fatal(err)
		}
		s = openAs(t, dir, way.had)
		if got := entriesOfLog(t, s.Log); len(got) != 1 {
			t.Errorf("the log was in %s, and has %d entries", way.had, len(got))
		}
		s.Close()
	}
}

// TestSegmentsThatAPersonRemovedAfterAMoveAreNotMissed: the log is in bbolt.
func TestSegmentsThatAPersonRemovedAfterAMoveAreNotMissed(t *testing.T) {
	dir := t.TempDir()
	s := openAs(t, dir, Bolt)
	if err := errors.Join(s.Stable.SetUint64([]byte(newestSegmentKey), 5), s.Log.StoreLog(entry(1)), s.Close()); err != nil {
		t.Fatal(err)
	}
	s = openAs(t, dir, Segments)
	defer s.Close()
	if got := entriesOfLog(t, s.Log); len(got) != 1 {
		t.Errorf("it has %d entries", len(got))
	}
}

package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
)

// A LogStore is a store for Raft's log.
type LogStore string

// The stores of a log.
const (
	Segments LogStore = "segments" // files that are written once, one sync an append
	Bolt     LogStore = "bolt"     // the file that has the votes and terms too, two syncs an append
)

// LogStores are all stores, the default first.
func LogStores() []string { return []string{string(Segments), string(Bolt)} }

// formats are the formats of the identity's file. It depends on the store of the log, so that a version
// that knows only bbolt refuses the directory instead of starting with an empty log.
var formats = map[LogStore]int{Bolt: 1, Segments: 2}

// logKept returns the store that has the log of a directory, or "" if the directory has no identity.
func logKept(dir string) (LogStore, error) {
	path := filepath.Join(dir, identityFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", reachable(path, err)
	}
	if _, err := parseIdentity(path, raw); err != nil {
		return "", err
	}
	var disk identityOnDisk
	if err := json.Unmarshal(raw, &disk); err != nil {
		return "", damaged(path, err)
	}
	if disk.Format == formats[Bolt] {
		return Bolt, nil
	}
	return Segments, nil
}

// openLog opens the log of the directory.
func (s *Store) openLog() (raft.LogStore, error) {
	if s.kept == Bolt {
		return s.boltLog(), nil
	}
	log, err := openSegments(s.dir, s.stable)
	if err != nil {
		return nil, err
	}
	s.segments = log
	return log, nil
}

func (s *Store) boltLog() *boltLog {
	return &boltLog{LogStore: s.bolt, path: filepath.Join(s.dir, boltFile)}
}

// keepLog moves the log to a store, if it is in the other one, and removes what an earlier
// move has left. The write of the identity's file decides: before it the log is in the
// old store, and after it in the new one.
func (s *Store) keepLog(where LogStore, log *slog.Logger) error {
	if where == s.kept {
		return s.clearOther()
	}
	id, err := s.LoadIdentity("")
	if err != nil {
		return err
	}
	empty, err := s.emptyLog(where)
	if err != nil {
		return err
	}
	to := s.guard(empty, where)
	first, last, err := copyLog(s.Log, to)
	if err != nil {
		return fmt.Errorf("moving the log: %w", reachable(s.dir, err))
	}
	s.kept = where
	if err := s.SaveIdentity(id); err != nil {
		return err
	}
	s.Log = to
	log.Info("the log was moved", "to", where, "first", first, "last", last)
	return s.clearOther()
}

// emptyLog returns a store for the log that has no entry.
func (s *Store) emptyLog(where LogStore) (raft.LogStore, error) {
	if where == Bolt {
		b := s.boltLog()
		return b, removeEntries(b)
	}
	if err := s.removeSegments(); err != nil {
		return nil, err
	}
	log, err := openSegments(s.dir, s.stable)
	s.segments = log
	return log, err
}

// clearOther removes what the store that is not used has.
func (s *Store) clearOther() error {
	if err := syncDir(s.dir); err != nil { // an earlier process may have ended before it did this
		return reachable(s.dir, err)
	}
	if s.kept == Bolt {
		return s.removeSegments()
	}
	return reachable(filepath.Join(s.dir, boltFile), removeEntries(s.boltLog()))
}

func (s *Store) removeSegments() error {
	dir := filepath.Join(s.dir, segmentsDir)
	// The number first: without it, what is left of the segments is no damage.
	if n, err := s.Stable.GetUint64([]byte(newestSegmentKey)); err == nil && n > 0 {
		if err := s.Stable.SetUint64([]byte(newestSegmentKey), 0); err != nil {
			return err
		}
	}
	if missing(dir) {
		return nil
	}
	if s.segments != nil {
		if err := s.segments.Close(); err != nil {
			return reachable(dir, err)
		}
		s.segments = nil
	}
	return reachable(dir, errors.Join(os.RemoveAll(dir), syncDir(s.dir)))
}

func removeEntries(log raft.LogStore) error {
	first, err := log.FirstIndex()
	if err != nil || first == 0 {
		return err
	}
	last, err := log.LastIndex()
	if err != nil {
		return err
	}
	return log.DeleteRange(first, last)
}

// copyLog copies the newest entries without a gap: those before a gap are part of a snapshot.
func copyLog(from, to raft.LogStore) (first, last uint64, err error) {
	if last, err = from.LastIndex(); err != nil || last == 0 {
		return 0, 0, err
	}
	for first = last; first > 1; first-- {
		if err := from.GetLog(first-1, new(raft.Log)); errors.Is(err, raft.ErrLogNotFound) {
			break
		} else if err != nil {
			return 0, 0, err
		}
	}
	const atOnce = 64
	for i := first; i <= last; i += atOnce {
		var entries []*raft.Log
		for j := i; j < min(i+atOnce, last+1); j++ {
			entry := new(raft.Log)
			if err := from.GetLog(j, entry); err != nil {
				return 0, 0, err
			}
			entries = append(entries, entry)
		}
		if err := to.StoreLogs(entries); err != nil {
			return 0, 0, err
		}
	}
	return first, last, nil
}

// checkEntry reports an entry that this version cannot read.
func (s *Store) checkEntry(i uint64, l *raft.Log) error {
	if l.Type != raft.LogCommand {
		return nil
	}
	if _, err := fsm.DecodeEntry(l.Data); errors.Is(err, fsm.ErrTooNew) {
		return fmt.Errorf("%s, entry %d: %w", s.pathOf(s.kept), i, err)
	} else if err != nil {
		return damaged(s.pathOf(s.kept), fmt.Errorf("entry %d: %w", i, err))
	}
	return nil
}

// pathOf returns the file or the directory that a log is in.
func (s *Store) pathOf(where LogStore) string {
	if where == Bolt {
		return filepath.Join(s.dir, boltFile)
	}
	return filepath.Join(s.dir, segmentsDir)
}

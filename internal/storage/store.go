package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/lockd/lockd/internal/storage/segments"
)

// boltFile has the votes and terms, and the log if it is kept in bbolt.
const boltFile = "raft.db"

// Options are the settings of a Store.
type Options struct {
	Dir    string
	Create bool // create the directory if it is missing
	// LogStore is the store for the log: a log that is in the other one is moved. "": it is
	// not moved.
	LogStore LogStore

	// Disk is called for each write of Raft's log, votes and terms; nil: the write is
	// called directly. A test makes it hang or fail.
	Disk func(write func() error) error
	// Fail is called with the first write that fails: the node must stop.
	Fail func(error)
	Log  *slog.Logger
}

// A Store is the data directory of a node. One process at a time can open it.
type Store struct {
	Log       raft.LogStore
	Stable    raft.StableStore
	Snapshots raft.SnapshotStore

	dir       string
	fail      func(error)
	kept      LogStore // the store that has the log
	stable    *checkedStable
	bolt      *raftboltdb.BoltStore
	segments  *segments.Log // nil: the log is in bbolt
	writes    *writes
	snapshots *snapshots
}

// Open opens a data directory and checks all of it, so that a node never starts with
// damaged data. The errors name the file and the remedy.
func Open(o Options) (*Store, error) {
	check := checkDir
	if o.Create {
		check = prepareDir
	}
	if err := check(o.Dir, o.Log); err != nil {
		return nil, err
	}
	return open(o)
}

// open is Open for a directory that was checked.
func open(o Options) (s *Store, err error) {
	path := filepath.Join(o.Dir, boltFile)
	defer recoverDamage(path, &err)()
	if missing(path) && !missing(filepath.Join(o.Dir, identityFile)) {
		return nil, damaged(path, errors.New("it is missing, and "+identityFile+" is there"))
	}
	if err := checkPages(o.Dir, path); err != nil {
		return nil, err
	}
	bolt, err := raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: &bbolt.Options{
		Timeout:        time.Second,
		NoFreelistSync: true,
		FreelistType:   bbolt.FreelistMapType,
	}})
	if err != nil {
		return nil, unopened(o.Dir, path, err)
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	w := &writes{disk: o.Disk}
	stable := &checkedStable{inner: bolt, path: path, writes: w, fail: o.Fail}
	s = &Store{Stable: stable, dir: o.Dir, fail: o.Fail, stable: stable, bolt: bolt, writes: w}
	return s, s.openRest(o)
}

// openRest opens what is not in bbolt.
func (s *Store) openRest(o Options) (err error) {
	if err := removeTemporary(o.Dir); err != nil {
		return reachable(o.Dir, err)
	}
	if s.snapshots, err = openSnapshots(o.Dir, o.Log); err != nil {
		return err
	}
	s.Snapshots = s.snapshots
	if s.kept, err = logKept(o.Dir); err != nil {
		return err
	}
	fresh := s.kept == ""
	if fresh { // a new directory, or one that LoadIdentity refuses
		s.kept = cmp.Or(o.LogStore, Segments)
	}
	log, err := s.openLog()
	if err != nil {
		return err
	}
	s.Log = s.guard(log, s.kept)
	upTo, err := s.check()
	if err != nil || o.LogStore == "" || fresh {
		return err
	}
	if err := s.keepLog(o.LogStore, o.Log); err != nil {
		return err
	}
	return s.removeCovered(upTo)
}

func (s *Store) guard(log raft.LogStore, where LogStore) *guardedLog {
	return &guardedLog{LogStore: log, path: s.pathOf(where), writes: s.writes, fail: s.fail}
}

// removeCovered removes a log that ends before the snapshot does, which another node sent: the
// next entry would follow it with a gap.
func (s *Store) removeCovered(upTo uint64) error {
	last, err := s.Log.LastIndex()
	if err != nil || last >= upTo || !monotonic(s.Log) {
		return err
	}
	return removeEntries(s.Log)
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func unopened(dir, path string, err error) error {
	if errors.Is(err, bbolterrors.ErrTimeout) {
		return fmt.Errorf("the data directory %s is in use by another lockd process: "+
			"stop it first, or pass another --data-dir", dir)
	}
	return unusable(path, err)
}

// Close closes the log. The snapshots need no closing.
func (s *Store) Close() error {
	var err error
	if s.segments != nil {
		err = s.segments.Close()
	}
	return errors.Join(err, s.bolt.Close())
}

// Hanging returns for how long the oldest write in progress has taken, or 0.
func (s *Store) Hanging() time.Duration { return s.writes.hanging() }

// LastWrite returns how long the write took that ended last.
func (s *Store) LastWrite() time.Duration { return s.writes.lastTook() }

// UndoHalfBootstrap undoes the first of the two writes of a bootstrap, if the process ended
// between them and left a term without a configuration. Only the node that bootstraps the
// cluster writes them, and no node can have voted in that term.
func (s *Store) UndoHalfBootstrap(self Identity) error {
	if len(self.Forming) == 0 || self.Forming[0].ID != self.ID() {
		return nil
	}
	last, err := s.Log.LastIndex()
	if err != nil || last > 0 {
		return err
	}
	if kept, err := s.snapshots.List(); err != nil || len(kept) > 0 {
		return err
	}
	term, err := s.Stable.GetUint64([]byte("CurrentTerm"))
	if err != nil || term != 1 {
		return nil // the bootstrap has not started
	}
	if _, err := s.Stable.GetUint64([]byte(voteTermKey)); err == nil {
		return nil // it has voted: the term is real
	}
	return s.Stable.SetUint64([]byte("CurrentTerm"), 0)
}

// check reads the newest snapshot and every entry of the log. It returns the index at which
// the snapshot ends.
func (s *Store) check() (upTo uint64, err error) {
	first, err := s.Log.FirstIndex()
	if err != nil {
		return 0, unusable(s.pathOf(s.kept), err)
	}
	last, err := s.Log.LastIndex()
	if err != nil {
		return 0, unusable(s.pathOf(s.kept), err)
	}
	if upTo, err = s.snapshots.whole(first, last); err != nil {
		return 0, err
	}
	if first > upTo+1 {
		return 0, damaged(s.pathOf(s.kept), fmt.Errorf("it begins at entry %d, but the newest snapshot ends at %d", first, upTo))
	}
	for i := first; first > 0 && i <= last; i++ {
		var l raft.Log
		if err := s.Log.GetLog(i, &l); errors.Is(err, raft.ErrLogNotFound) && i <= upTo {
			continue // an installed snapshot replaces it
		} else if err != nil {
			return 0, unusable(s.pathOf(s.kept), fmt.Errorf("entry %d: %w", i, err))
		}
		if err := s.checkEntry(i, &l); err != nil {
			return 0, err
		}
	}
	return upTo, nil
}

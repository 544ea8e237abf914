package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/raftlog"
)

const (
	snapshotsDir = "snapshots"
	// unfinished ends the name of a snapshot that is still written.
	unfinished = ".tmp"
	// keptSnapshots is how many snapshots stay on disk.
	keptSnapshots = 2
)

// snapshots is Raft's store of snapshots with three additions. A snapshot is verified
// while it is written: Raft itself makes what a leader sends permanent before it is
// read, and a node could not start with it. What a failed snapshot leaves behind is
// removed. Only lockd's user can read the files: they contain sessions.
type snapshots struct {
	raft.SnapshotStore
	dir string
	log *slog.Logger

	// mu guards open, the names of the snapshots that are being written, and is held
	// while one is created.
	mu   sync.Mutex
	open map[string]bool
}

func openSnapshots(base string, log *slog.Logger) (*snapshots, error) {
	s := &snapshots{dir: filepath.Join(base, snapshotsDir), log: log, open: make(map[string]bool)}
	if err := s.prepare(); err != nil {
		return nil, reachable(s.dir, err)
	}
	var err error
	s.SnapshotStore, err = raft.NewFileSnapshotStoreWithLogger(base, keptSnapshots, raftlog.New(log))
	if err != nil {
		return nil, fmt.Errorf("open the snapshots in %q: %w", base, err)
	}
	return s, nil
}

// prepare makes the directory and all in it private, and removes what an earlier
// process did not finish.
func (s *snapshots) prepare() error {
	if err := makeDir(s.dir); err != nil {
		return err
	}
	if err := s.sweep(); err != nil {
		return err
	}
	// A root never follows a symbolic link out of the directory, even if another user replaces a file meanwhile.
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil || info.Mode().Perm()&0o077 == 0 || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		if err := root.Chmod(path, info.Mode().Perm()&^0o077); err != nil {
			s.log.Warn("other users can read snapshots, which contain sessions: run chmod -R go= on the directory",
				"path", filepath.Join(s.dir, path), "err", err)
			return fs.SkipAll // they belong to another user: one line is enough
		}
		return nil
	})
}

// sweep removes unfinished snapshots that no sink is writing.
func (s *snapshots) sweep() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		id, is := strings.CutSuffix(entry.Name(), unfinished)
		if is && !s.open[id] {
			errs = append(errs, os.RemoveAll(filepath.Join(s.dir, entry.Name())))
		}
	}
	return errors.Join(errs...)
}

// Create begins a snapshot that counts only if it can be restored.
func (s *snapshots) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, transport raft.Transport) (raft.SnapshotSink, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inner, err := s.SnapshotStore.Create(version, index, term, configuration, configurationIndex, transport)
	if err != nil {
		return nil, errors.Join(reachable(s.dir, err), s.sweep())
	}
	s.open[inner.ID()] = true
	return newVerifiedSink(inner, s), nil
}

// closed forgets a snapshot that is no longer written.
func (s *snapshots) closed(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, id)
	if err := s.sweep(); err != nil {
		s.log.Warn("an unfinished snapshot could not be removed", "err", err)
	}
}

// verifiedSink writes a snapshot, and reads it at the same time as Restore would.
type verifiedSink struct {
	raft.SnapshotSink
	store   *snapshots
	reading *io.PipeWriter
	verdict chan error
	ended   bool
}

func newVerifiedSink(inner raft.SnapshotSink, store *snapshots) *verifiedSink {
	from, to := io.Pipe()
	v := &verifiedSink{SnapshotSink: inner, store: store, reading: to, verdict: make(chan error, 1)}
	go func() {
		err := fsm.Verify(from)
		from.CloseWithError(err) // a write fails from here on
		v.verdict <- err
	}()
	return v
}

func (v *verifiedSink) Write(b []byte) (int, error) {
	if _, err := v.reading.Write(b); err != nil {
		return 0, refusedSnapshot(err)
	}
	return v.SnapshotSink.Write(b)
}

// Close makes the snapshot permanent if it can be restored.
func (v *verifiedSink) Close() error {
	if v.ended {
		return nil
	}
	v.ended = true
	defer v.store.closed(v.ID())
	_ = v.reading.Close() // it never fails
	if err := <-v.verdict; err != nil {
		return errors.Join(refusedSnapshot(err), v.SnapshotSink.Cancel())
	}
	return reachable(v.store.dir, v.SnapshotSink.Close())
}

// Cancel drops the snapshot.
func (v *verifiedSink) Cancel() error {
	if v.ended {
		return nil
	}
	v.ended = true
	defer v.store.closed(v.ID())
	err := v.reading.CloseWithError(errors.New("the snapshot was canceled"))
	<-v.verdict //nolint:errcheck // what was found does not matter any more
	return errors.Join(err, v.SnapshotSink.Cancel())
}

func refusedSnapshot(err error) error {
	return fmt.Errorf("the snapshot is refused and this node keeps its own data: %w", err)
}

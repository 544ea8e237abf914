package storage

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
)

// machineAt returns a machine to which so many entries have been applied.
func machineAt(entries int) *fsm.Machine {
	m := fsm.New()
	for i := range entries {
		m.Apply(1, &fsm.Entry{Term: 1, Commands: []fsm.Command{&fsm.Acquire{Name: fmt.Sprint("l", i), Session: fmt.Sprint("session-of-a-client-", i), TTL: 30_000, Limit: 1}}})
	}
	return m
}

func snapshotBytes(t *testing.T, m *fsm.Machine) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Snapshot().Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// badSnapshots are snapshots that no node can start with.
func badSnapshots(t *testing.T) map[string][]byte {
	t.Helper()
	good := snapshotBytes(t, machineAt(2_000))
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	tooNew := bytes.Clone(good)
	tooNew[len("LOCKDFSM")] = fsm.EntryVersion + 1
	return map[string][]byte{
		"empty": {}, "junk": bytes.Repeat([]byte("junk"), 1<<16), "cut off": good[:len(good)-1], "a flipped bit": flipped,
		"too new": tooNew, "too long": append(bytes.Clone(good), 0),
	}
}

// put writes a snapshot as Raft does.
func put(s raft.SnapshotStore, index uint64, content []byte) (id string, err error) {
	_, transport := raft.NewInmemTransport("me")
	conf := raft.Configuration{Servers: []raft.Server{{ID: "me", Address: "me"}}}
	sink, err := s.Create(1, index, 1, conf, 1, transport)
	if err != nil {
		return "", err
	}
	if _, err := bytes.NewReader(content).WriteTo(sink); err != nil {
		return "", errors.Join(err, sink.Cancel())
	}
	return sink.ID(), sink.Close()
}

func entriesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

func TestASnapshotThatCannotBeRestoredIsNotKept(t *testing.T) {
	for name, content := range badSnapshots(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := storesFor(t, dir, nil)
			defer s.Close()
			good, err := put(s.snapshots, 5, snapshotBytes(t, machineAt(5)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := put(s.snapshots, 9, content); err == nil || !strings.Contains(err.Error(), "keeps its own data") {
				t.Errorf("the snapshot was taken: %v", err)
			}
			if left := entriesOf(t, s.snapshots.dir); len(left) != 1 || left[0] != good {
				t.Errorf("on disk are %v, want only %s", left, good)
			}
		})
	}
}

// logOf stores the entries from one index to another.
func logOf(t *testing.T, s *Store, from, to uint64) {
	t.Helper()
	for i := from; i <= to; i++ {
		e := &fsm.Entry{Term: 1, Commands: []fsm.Command{&fsm.Stamp{}}}
		b, err := e.Encode(fsm.EntryVersion)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Log.StoreLog(&raft.Log{Index: i, Term: 1, Type: raft.LogCommand, Data: b}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADamagedSnapshotIsSkippedOnlyIfTheLogReplacesIt(t *testing.T) {
	for name, c := range map[string]struct {
		snapshots []uint64 // the last is damaged
		from, to  uint64   // the log
		starts    bool
	}{
		"the log continues the older one":       {[]uint64{5, 9}, 6, 12, true},
		"the log overlaps the older one":        {[]uint64{5, 9}, 3, 9, true},
		"the log has everything":                {[]uint64{9}, 1, 12, true},
		"the log begins after the older one":    {[]uint64{5, 9}, 7, 12, false},
		"the log ends before the damaged one":   {[]uint64{5, 9}, 6, 8, false},
		"there is no log":                       {[]uint64{5, 9}, 1, 0, false},
		"there is no older one":                 {[]uint64{9}, 6, 12, false},
		"the older one is of the same index":    {[]uint64{9, 9}, 10, 12, false},
		"two are damaged and the log continues": {[]uint64{0, 5, 9}, 1, 12, true},
	} {
		for damage, hurt := range map[string]func(path string) error{
			"state":   func(path string) error { return os.Truncate(filepath.Join(path, "state.bin"), 20) },
			"meta":    func(path string) error { return os.Truncate(filepath.Join(path, "meta.json"), 5) },
			"no meta": func(path string) error { return os.Remove(filepath.Join(path, "meta.json")) },
			"too new": func(path string) error {
				return os.WriteFile(filepath.Join(path, "state.bin"), badSnapshots(t)["too new"], 0o600)
			},
		} {
			t.Run(name+"/"+damage, func(t *testing.T) {
				dir := t.TempDir()
				s := storesFor(t, dir, nil)
				logOf(t, s, c.from, c.to)
				var ids []string
				for _, index := range c.snapshots {
					if index == 0 {
						continue
					}
					for began := time.Now().UnixMilli(); time.Now().UnixMilli() == began; { // the time is a part of the name
					}
					id, err := put(s.snapshots, index, snapshotBytes(t, machineAt(int(index))))
					if err != nil {
						t.Fatal(err)
					}
					ids = append(ids, id)
				}
				s.Close()
				damaged := ids[len(ids)-1:]
				if c.snapshots[0] == 0 {
					damaged = ids
				}
				for _, id := range damaged {
					if err := hurt(filepath.Join(dir, snapshotsDir, id)); err != nil {
						t.Fatal(err)
					}
				}
				var log strings.Builder
				s, err := open(Options{Dir: dir, Fail: func(error) {}, Log: slog.New(slog.NewTextHandler(&log, nil))})
				if !c.starts {
					if err == nil {
						t.Fatal("it starts without what it has acknowledged")
					}
					if len(entriesOf(t, filepath.Join(dir, snapshotsDir))) != len(ids) {
						t.Error("a refused start moved snapshots")
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if got := entriesOf(t, filepath.Join(dir, asideDir)); len(got) != len(damaged) {
					t.Errorf("%v were moved aside, want %v", got, damaged)
				}
				if !strings.Contains(log.String(), "a damaged snapshot is not used") {
					t.Errorf("the log says %q", log.String())
				}
				if again, err := s.snapshots.List(); err != nil || len(again) != len(ids)-len(damaged) {
					t.Errorf("Raft sees %v %v", again, err)
				}
			})
		}
	}
}

// leaking is a store whose snapshots fail and leave their directories behind, as the
// store of Raft does on a full disk.
type leaking struct {
	raft.SnapshotStore
	create bool
}

type leakingSink struct{ raft.SnapshotSink }

var errFull = errors.New("no space left on device")

func (l leaking) Create(v raft.SnapshotVersion, i, term uint64, c raft.Configuration, ci uint64, tr raft.Transport) (raft.SnapshotSink, error) {
	sink, err := l.SnapshotStore.Create(v, i, term, c, ci, tr)
	if err != nil || l.create {
		return nil, errors.Join(err, errFull)
	}
	return leakingSink{sink}, nil
}

func (leakingSink) Close() error  { return errFull }
func (leakingSink) Cancel() error { return errFull }

func TestUnfinishedSnapshotsAreRemoved(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, snapshotsDir, "1-2-3.tmp")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	s := storesFor(t, dir, nil)
	defer s.Close()
	if names := entriesOf(t, s.snapshots.dir); len(names) != 0 {
		t.Errorf("after the start: %v", names)
	}
	real := s.snapshots.SnapshotStore
	_, transport := raft.NewInmemTransport("me")
	open, err := s.snapshots.Create(1, 3, 1, raft.Configuration{}, 1, transport)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"closed": snapshotBytes(t, machineAt(3)), "canceled": []byte("junk")} {
		for _, create := range []bool{true, false} {
			s.snapshots.SnapshotStore = leaking{real, create}
			if _, err := put(s.snapshots, 9, content); !errors.Is(err, errFull) {
				t.Errorf("%s: %v", name, err)
			}
			if names := entriesOf(t, s.snapshots.dir); len(names) != 1 || names[0] != open.ID()+unfinished {
				t.Errorf("%s: %v are left, want the one that is being written", name, names)
			}
		}
	}
	if err := open.Cancel(); err != nil {
		t.Error(err)
	}
}

// An older release left snapshots that other users can read.
func TestSnapshotsArePrivate(t *testing.T) {
	dir := t.TempDir()
	s := storesFor(t, dir, nil)
	id, err := put(s.snapshots, 3, snapshotBytes(t, machineAt(3)))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	paths := []string{s.snapshots.dir, filepath.Join(s.snapshots.dir, id), filepath.Join(s.snapshots.dir, id, "state.bin")}
	for _, path := range paths {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s = storesFor(t, dir, nil)
	defer s.Close()
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
}

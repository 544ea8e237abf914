package segments

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// begun keeps the number of the newest segment, as the store does.
type begun struct{ newest uint64 }

func (b *begun) begin(n uint64) error { b.newest = n; return nil }

func openLog(t testing.TB, dir string, b *begun) *Log {
	t.Helper()
	l, err := Open(Config{Dir: dir, Least: b.newest, Begin: b.begin})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func entryOf(i, term uint64, size int) *raft.Log {
	data := bytes.Repeat([]byte{byte(i), byte(term)}, size/2)
	return &raft.Log{Index: i, Term: term, Type: raft.LogCommand, Data: data, AppendedAt: time.Unix(0, int64(i)), Extensions: data[:min(4, len(data))]}
}

func entriesFrom(i, term uint64, sizes ...int) (entries []*raft.Log) {
	for k, size := range sizes {
		entries = append(entries, entryOf(i+uint64(k), term, size))
	}
	return entries
}

// contents reads all entries of a log.
func contents(t testing.TB, l *Log) map[uint64]raft.Log {
	t.Helper()
	first, _ := l.FirstIndex()
	last, _ := l.LastIndex()
	all := make(map[uint64]raft.Log)
	for i := first; i > 0 && i <= last; i++ {
		var got raft.Log
		if err := l.GetLog(i, &got); err != nil {
			t.Fatal(err)
		}
		all[i] = got
	}
	return all
}

// TestLogIsAsAModelAfterAnyHistory appends, cuts, drops and opens again at random.
func TestLogIsAsAModelAfterAnyHistory(t *testing.T) {
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 1))
		dir, b := filepath.Join(t.TempDir(), "log"), &begun{}
		l := openLog(t, dir, b)
		model := make(map[uint64]raft.Log)
		next := uint64(1)
		for range 150 {
			switch at := random.IntN(10); {
			case at < 6:
				var entries []*raft.Log
				for range 1 + random.IntN(8) {
					size := random.IntN(3000)
					if random.IntN(40) == 0 {
						size = mostBytes/8 + random.IntN(mostBytes/2)
					}
					entries = append(entries, entryOf(next, seed, size))
					model[next] = *entries[len(entries)-1]
					next++
				}
				if err := l.StoreLogs(entries); err != nil {
					t.Fatal(err)
				}
			case at == 6 && len(model) > 0: // an entry of another leader replaces the last ones
				from := next - uint64(random.IntN(len(model)))
				if err := l.DeleteRange(from, next-1); err != nil {
					t.Fatal(err)
				}
				maps.DeleteFunc(model, func(i uint64, _ raft.Log) bool { return i >= from })
				next = from
			case at == 7 && len(model) > 0: // a snapshot replaces the first ones, or all
				to := slices.Min(slices.Collect(maps.Keys(model))) + uint64(random.IntN(len(model)))
				if err := l.DeleteRange(0, to); err != nil {
					t.Fatal(err)
				}
				maps.DeleteFunc(model, func(i uint64, _ raft.Log) bool { return i <= to })
				if len(model) == 0 {
					next += uint64(random.IntN(5)) // it may be newer than the log
				}
			case at == 8:
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				l = openLog(t, dir, b)
			}
		}
		if got := contents(t, l); !reflect.DeepEqual(got, model) {
			t.Fatalf("seed %d: the log has %d entries, the model %d", seed, len(got), len(model))
		}
		if err := l.GetLog(next, new(raft.Log)); !errors.Is(err, raft.ErrLogNotFound) {
			t.Errorf("the entry after the last: %v", err)
		}
		l.Close()
	}
}

// TestSegmentsOfDroppedEntriesAreRemoved keeps the files of a log that is dropped as it grows few.
func TestSegmentsOfDroppedEntriesAreRemoved(t *testing.T) {
	dir, b := t.TempDir(), &begun{}
	l := openLog(t, dir, b)
	defer l.Close()
	for i := uint64(1); i <= 4000; i++ {
		if err := l.StoreLog(entryOf(i, 1, 8000)); err != nil {
			t.Fatal(err)
		}
		if i%500 == 0 {
			if err := l.DeleteRange(1, i-100); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if b.newest < 8 || len(files) > 3 {
		t.Errorf("%d segments were begun, and %d are left", b.newest, len(files))
	}
}

func TestAGapIsRefused(t *testing.T) {
	l := openLog(t, t.TempDir(), &begun{})
	defer l.Close()
	if err := l.StoreLogs(entriesFrom(5, 1, 10, 10)); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"a gap":              l.StoreLog(entryOf(8, 1, 10)),
		"an entry again":     l.StoreLog(entryOf(6, 1, 10)),
		"a gap in one write": l.StoreLogs([]*raft.Log{entryOf(7, 1, 10), entryOf(9, 1, 10)}),
	} {
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if last, _ := l.LastIndex(); last != 6 {
		t.Errorf("the last entry is %d", last)
	}
}

// TestOpenChangesNothing reads a log whose last write was cut off.
func TestOpenChangesNothing(t *testing.T) {
	dir, b := t.TempDir(), &begun{}
	l := openLog(t, dir, b)
	if err := l.StoreLogs(entriesFrom(1, 1, 100, 2000)); err != nil {
		t.Fatal(err)
	}
	at := l.newest().end
	l.Close()
	path := filepath.Join(dir, segmentName(1))
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(raw[at-1100 : at-300]) // a sector of the second entry was not written
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, dir, b)
	if got := contents(t, l); len(got) != 1 {
		t.Errorf("it has %d entries", len(got))
	}
	if now, _ := os.ReadFile(path); !bytes.Equal(now, raw) {
		t.Error("opening it changed the file")
	}
	// What is appended now is followed by nothing of the write that was cut off.
	if err := l.StoreLog(entryOf(2, 2, 100)); err != nil {
		t.Fatal(err)
	}
	l.Close()
	l = openLog(t, dir, b)
	defer l.Close()
	if got := contents(t, l); len(got) != 2 || got[2].Term != 2 {
		t.Errorf("after an append it has %v", got)
	}
}

// TestFirstEntriesAreRemovedWhileOthersAreAppended, as Raft does after a snapshot.
func TestFirstEntriesAreRemovedWhileOthersAreAppended(t *testing.T) {
	dir, b := t.TempDir(), &begun{}
	l := openLog(t, dir, b)
	var appended atomic.Uint64
	var removing sync.WaitGroup
	removing.Go(func() {
		for at := uint64(0); at < 2000; {
			if at = appended.Load(); at > 20 {
				if err := l.DeleteRange(1, at-20); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for i := uint64(1); i <= 2000; i++ {
		if err := l.Append(entriesFrom(i, 1, 300)); err != nil {
			t.Fatal(err)
		}
		appended.Store(i)
	}
	removing.Wait()
	want := contents(t, l)
	l.Close()
	l = openLog(t, dir, b)
	defer l.Close()
	if got := contents(t, l); len(got) != 20 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d entries are left, and there were %d", len(got), len(want))
	}
}

// TestAFailedSyncIsReportedToAll who wait for it. The system reports it to one sync only.
func TestAFailedSyncIsReportedToAll(t *testing.T) {
	l := openLog(t, t.TempDir(), &begun{})
	defer l.Close()
	if err := l.StoreLog(entryOf(1, 1, 10)); err != nil {
		t.Fatal(err)
	}
	lost := errors.New("input/output error")
	var once sync.Once
	l.cfg.sync = func(*os.File) (err error) {
		once.Do(func() { err = lost })
		return err
	}
	if err := l.Append(entriesFrom(2, 1, 10)); err != nil {
		t.Fatal(err)
	}
	var errs [2]error
	var syncing sync.WaitGroup
	for i := range errs {
		syncing.Go(func() { errs[i] = l.Sync() })
	}
	syncing.Wait()
	if !errors.Is(errs[0], lost) || !errors.Is(errs[1], lost) {
		t.Errorf("got %v", errs)
	}
}

// TestOpenSyncsWhatItRead: a process that was killed may have written it and not synced it. The
// node will acknowledge it to the leader.
func TestOpenSyncsWhatItRead(t *testing.T) {
	dir, b := t.TempDir(), &begun{}
	l := openLog(t, dir, b)
	for i := uint64(1); i < 60; i++ {
		if err := l.Append(entriesFrom(i, 1, 8000)); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	synced := make(map[string]bool)
	l, err := Open(Config{Dir: dir, Least: b.newest, Begin: b.begin, sync: func(f *os.File) error {
		synced[filepath.Base(f.Name())] = true
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for n := uint64(1); n <= b.newest; n++ {
		if !synced[segmentName(n)] {
			t.Errorf("segment %d of %d was not synced", n, b.newest)
		}
	}
	lost := errors.New("input/output error")
	if _, err := Open(Config{Dir: dir, Least: b.newest, Begin: b.begin, sync: func(*os.File) error { return lost }}); !errors.Is(err, lost) {
		t.Errorf("the sync fails, and Open returns %v", err)
	}
}

// TestASegmentIsBegunBeforeItIsUsed also if the process ended between its making and its beginning.
func TestASegmentIsBegunBeforeItIsUsed(t *testing.T) {
	dir, b := t.TempDir(), &begun{}
	stop := errors.New("the process ends")
	l, err := Open(Config{Dir: dir, Begin: func(n uint64) error {
		if n == 2 {
			return stop
		}
		return b.begin(n)
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); err == nil; i++ {
		err = l.StoreLog(entryOf(i, 1, 8000))
	}
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	l.Close()
	l = openLog(t, dir, b)
	defer l.Close()
	last, _ := l.LastIndex()
	if err := l.StoreLog(entryOf(last+1, 1, 10)); err != nil || b.newest != 2 {
		t.Errorf("segment %d is begun, %v", b.newest, err)
	}
}

package storage

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

const pageBytes = 4096

// usedPages returns the offsets of the pages in use: a page in use has its own number in
// its first eight bytes.
func usedPages(raw []byte) (at []int) {
	for from := 2 * pageBytes; from+pageBytes <= len(raw); from += pageBytes {
		if binary.LittleEndian.Uint64(raw[from:]) == uint64(from/pageBytes) {
			at = append(at, from)
		}
	}
	return at
}

// usedLog returns the file of a log that has been written, read and truncated.
func usedLog(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	s, err := open(Options{Dir: dir, LogStore: Bolt, Fail: func(err error) { t.Error(err) }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= 300; i++ {
		if err := s.Log.StoreLog(entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Log.DeleteRange(1, 100); err != nil {
		t.Fatal(err)
	}
	if err := s.Stable.SetUint64([]byte("CurrentTerm"), 7); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, boltFile))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// entry returns one that now and then needs more than a page.
func entry(i uint64) *raft.Log {
	size := 100
	if i%50 == 0 {
		size = 3 * pageBytes
	}
	return &raft.Log{Index: i, Term: 7, Type: raft.LogNoop, Data: bytes.Repeat([]byte{byte(i)}, size)}
}

// A flipped bit is an error at the start, a read or a write, or has no effect. It never
// ends the process.
func TestADamagedLogIsAnErrorAndNeverAPanic(t *testing.T) {
	whole := usedLog(t)
	random := rand.New(rand.NewPCG(1, 2))
	refused := 0
	try := func(flip func(raw []byte)) {
		raw := bytes.Clone(whole)
		flip(raw)
		if harm(t, raw) {
			refused++
		}
	}
	pages := usedPages(whole)
	for _, page := range pages[len(pages)-8:] { // the last written: the roots are among them
		for bit := range pageHead * 8 {
			try(func(raw []byte) { raw[page+bit/8] ^= 1 << (bit % 8) })
		}
	}
	for range 100 {
		page := pages[random.IntN(len(pages))]
		try(func(raw []byte) { raw[page+random.IntN(pageBytes)] ^= 1 << random.IntN(8) })
	}
	for range 50 {
		try(func(raw []byte) { // every page at once
			for page := 2 * pageBytes; page < len(raw); page += pageBytes {
				raw[page+random.IntN(pageBytes)] ^= 1 << random.IntN(8)
			}
		})
	}
	if refused < 50 {
		t.Errorf("only %d damages were refused", refused)
	}
}

// harm opens a damaged log, and writes to it if it can be opened. It reports whether an
// operation failed.
func harm(t *testing.T, raw []byte) (refused bool) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, boltFile), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := open(Options{Dir: dir, LogStore: Bolt, Fail: func(error) {}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return true
	}
	defer s.Close()
	for i := uint64(301); i < 306; i++ {
		if s.Log.StoreLog(entry(i)) != nil {
			return true
		}
	}
	return s.Log.DeleteRange(101, 290) != nil || s.Stable.SetUint64([]byte("CurrentTerm"), 8) != nil
}

// A panicking is a store that hits a page that was damaged while it was open.
type panicking struct{ raft.LogStore }

func (panicking) StoreLogs([]*raft.Log) error      { panic("page 7: invalid page type") }
func (panicking) FirstIndex() (uint64, error)      { panic("page 7: invalid page type") }
func (panicking) LastIndex() (uint64, error)       { panic("page 7: invalid page type") }
func (panicking) GetLog(uint64, *raft.Log) error   { panic("page 7: invalid page type") }
func (panicking) DeleteRange(uint64, uint64) error { panic("page 7: invalid page type") }

func TestAPageThatWasDamagedWhileTheLogWasOpenIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		touch func(*guardedLog) error
		stops bool
	}{
		"write":    {func(g *guardedLog) error { return g.StoreLog(entry(1)) }, true},
		"truncate": {func(g *guardedLog) error { return g.DeleteRange(1, 2) }, true},
		"read":     {func(g *guardedLog) error { return g.GetLog(1, new(raft.Log)) }, false},
		"first":    {func(g *guardedLog) error { _, err := g.FirstIndex(); return err }, false},
		"last":     {func(g *guardedLog) error { _, err := g.LastIndex(); return err }, false},
	} {
		t.Run(name, func(t *testing.T) {
			var failed error
			g := &guardedLog{LogStore: &boltLog{panicking{}, "raft.db"}, path: "raft.db", writes: &writes{}, fail: func(err error) { failed = err }}
			err := c.touch(g)
			if err == nil || !strings.Contains(err.Error(), "raft.db is damaged") {
				t.Errorf("got the error %v", err)
			}
			if (failed != nil) != c.stops {
				t.Errorf("the node stops with %v", failed)
			}
		})
	}
}

// Raft panics if it cannot write its term or read an entry. The node stops in order
// instead, and the goroutine of Raft ends.
func TestFailedStoreEndsGoroutineOfRaft(t *testing.T) {
	for name, touch := range map[string]func(*RaftStores){
		"the term":  func(r *RaftStores) { _ = r.SetUint64([]byte("CurrentTerm"), 9) },
		"the vote":  func(r *RaftStores) { _ = r.Set([]byte("LastVoteCand"), []byte("n")) },
		"a vote":    func(r *RaftStores) { _, _ = r.GetUint64([]byte("LastVoteTerm")) },
		"the first": func(r *RaftStores) { _, _ = r.FirstIndex() },
		"the entry": func(r *RaftStores) { _ = r.GetLog(1, new(raft.Log)) },
	} {
		t.Run(name, func(t *testing.T) {
			var failed error
			fail := func(err error) { failed = err }
			s, err := open(Options{Dir: t.TempDir(), LogStore: Bolt, Fail: fail, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			r, _, err := s.ForRaft(32)
			if err != nil {
				t.Fatal(err)
			}
			r.Started()
			s.Close() // from now on everything fails
			wentOn, ended := false, make(chan struct{})
			go func() {
				defer close(ended)
				touch(r)
				wentOn = true
			}()
			<-ended
			if wentOn || failed == nil {
				t.Errorf("Raft went on: %v; the node stops with %v", wentOn, failed)
			}
		})
	}
}

// Whatever byte of it is changed, an identity is as it was written, or not believed.
func TestChangedIdentityIsAnError(t *testing.T) {
	written := identities()[0]
	if _, err := parseIdentity(identityFile, written); err != nil {
		t.Fatal(err)
	}
	for i := range written {
		for bit := range 8 {
			raw := bytes.Clone(written)
			raw[i] ^= 1 << bit
			if id, err := parseIdentity(identityFile, raw); err == nil {
				t.Errorf("%q is believed: %+v", raw, id)
			}
		}
	}
}

package cluster

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/lockd/lockd/internal/fsm"
)

const (
	logFile = "raft.db"
	// maxLogCache and minLogCache bound how many of the newest entries followers are
	// sent from memory. An entry may have maxPackedBytes, so this bounds memory, too.
	maxLogCache = 256
	minLogCache = 32
	// packedBytes is about how long an entry may be.
	packedBytes = 256 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func compact(raw []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return nil
	}
	return b.Bytes()
}

// stores are what a node keeps on disk.
type stores struct {
	bolt      *raftboltdb.BoltStore
	writes    *writes
	log       *guardedLog // checksums and fail-stop
	stable    raft.StableStore
	snapshots *snapshots
}

// openStores opens a data directory and checks all of it before anything is
// done with it: a node never starts with data it cannot trust.
func openStores(dir string, disk func(write func() error) error, fail func(error), log *slog.Logger) (s *stores, err error) {
	path := filepath.Join(dir, logFile)
	defer recoverDamage(path, &err)()
	if missing(path) && !missing(filepath.Join(dir, identityFile)) {
		return nil, damaged(path, errors.New("it is missing beside "+identityFile))
	}
	if err := checkPages(dir, path); err != nil {
		return nil, err
	}
	bolt, err := raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: &bbolt.Options{
		Timeout:        time.Second,
		NoFreelistSync: true,
		FreelistType:   bbolt.FreelistMapType,
	}})
	if err != nil {
		return nil, unopened(dir, path, err)
	}
	s = &stores{bolt: bolt, writes: &writes{disk: disk}}
	s.log = &guardedLog{LogStore: bolt, path: path, writes: s.writes, fail: fail}
	defer func() {
		if err != nil {
			bolt.Close()
		}
	}()
	s.stable = &checkedStable{inner: bolt, path: path, writes: s.writes, fail: fail}
	if err := removeTemporary(dir); err != nil {
		return nil, reachable(dir, err)
	}
	if s.snapshots, err = openSnapshots(dir, log); err != nil {
		return nil, err
	}
	return s, s.check(dir)
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func unopened(dir, path string, err error) error {
	if errors.Is(err, bbolterrors.ErrTimeout) {
		return fmt.Errorf("the data directory %s is in use by another lockd process: "+
			"stop it first, or name another --data-dir", dir)
	}
	return unusable(path, err)
}

func (s *stores) close() error { return s.bolt.Close() }

// undoHalfBegun takes back the first of the two writes that begin a cluster where
// the process died between them: a term, and no list of members. Only the node
// that begins the cluster writes it, and nobody can have voted in it.
func (s *stores) undoHalfBegun(self identity) error {
	if len(self.Forming) == 0 || self.Forming[0].ID != self.id() {
		return nil
	}
	last, err := s.log.LastIndex()
	if err != nil || last > 0 {
		return err
	}
	if kept, err := s.snapshots.List(); err != nil || len(kept) > 0 {
		return err
	}
	term, err := s.stable.GetUint64([]byte("CurrentTerm"))
	if err != nil || term != 1 {
		return nil // nothing was begun
	}
	if _, err := s.stable.GetUint64([]byte(voteTermKey)); err == nil {
		return nil // it has voted: the term is real
	}
	return s.stable.SetUint64([]byte("CurrentTerm"), 0)
}

// check reads the newest snapshot and every entry of the log.
func (s *stores) check(dir string) error {
	path := filepath.Join(dir, logFile)
	first, err := s.log.FirstIndex()
	if err != nil {
		return unusable(path, err)
	}
	last, err := s.log.LastIndex()
	if err != nil {
		return unusable(path, err)
	}
	upTo, err := s.snapshots.whole(first, last)
	if err != nil {
		return err
	}
	if first > upTo+1 {
		return damaged(path, fmt.Errorf("it begins at entry %d, but the newest snapshot ends at %d", first, upTo))
	}
	for i := first; first > 0 && i <= last; i++ {
		var l raft.Log
		if err := s.log.GetLog(i, &l); errors.Is(err, raft.ErrLogNotFound) && i <= upTo {
			continue // a snapshot that was installed skips what it covers
		} else if err != nil {
			return unusable(path, fmt.Errorf("entry %d: %w", i, err))
		}
		if l.Type == raft.LogCommand {
			if _, err := fsm.DecodeEntry(l.Data); errors.Is(err, fsm.ErrTooNew) {
				return fmt.Errorf("%s, entry %d: %w", path, i, err)
			} else if err != nil {
				return damaged(path, fmt.Errorf("entry %d: %w", i, err))
			}
		}
	}
	return nil
}

// guardedLog stands between Raft and the disk. It writes a checksum with each
// entry, since neither bbolt's pages nor raft-boltdb's records have one, and
// verifies it at each read. The first write that fails is the last: Raft itself
// would go on, and a later fsync may claim success for what was lost.
type guardedLog struct {
	raft.LogStore
	path   string
	writes *writes
	fail   func(error)
	failed atomic.Pointer[error]
}

// FirstIndex and LastIndex look at pages, too.
func (g *guardedLog) FirstIndex() (first uint64, err error) {
	err = undamaged(g.path, func() (err error) { first, err = g.LogStore.FirstIndex(); return err })
	return first, err
}

func (g *guardedLog) LastIndex() (last uint64, err error) {
	err = undamaged(g.path, func() (err error) { last, err = g.LogStore.LastIndex(); return err })
	return last, err
}

func (g *guardedLog) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

func (g *guardedLog) StoreLogs(logs []*raft.Log) error {
	if err := g.failed.Load(); err != nil {
		return *err
	}
	sealed := make([]*raft.Log, len(logs))
	for i, l := range logs {
		c := *l
		c.Extensions = seal(l)
		sealed[i] = &c
	}
	return g.latch("writing to the log failed", g.writes.do(func() error {
		return undamaged(g.path, func() error { return g.LogStore.StoreLogs(sealed) })
	}))
}

func (g *guardedLog) DeleteRange(from, to uint64) error {
	if err := g.failed.Load(); err != nil {
		return *err
	}
	return g.latch("truncating the log failed", g.writes.do(func() error {
		return undamaged(g.path, func() error { return g.LogStore.DeleteRange(from, to) })
	}))
}

func (g *guardedLog) latch(what string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", what, reachable(g.path, err))
	g.failed.CompareAndSwap(nil, &err)
	g.fail(err)
	return err
}

func (g *guardedLog) GetLog(index uint64, l *raft.Log) error {
	if err := undamaged(g.path, func() error { return g.LogStore.GetLog(index, l) }); err != nil {
		return err
	}
	if l.Index != index || !bytes.Equal(l.Extensions, seal(l)) {
		return errors.New("its checksum does not match")
	}
	l.Extensions = nil
	return nil
}

// seal returns the checksum of everything that Raft keeps in an entry.
func seal(l *raft.Log) []byte {
	var head [17]byte
	binary.LittleEndian.PutUint64(head[0:], l.Index)
	binary.LittleEndian.PutUint64(head[8:], l.Term)
	head[16] = byte(l.Type)
	sum := crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, l.Data)
	return binary.LittleEndian.AppendUint32(nil, sum)
}

// checkedStable keeps a checksum with each of Raft's own values: a damaged vote
// or term would let a node vote twice.
type checkedStable struct {
	inner  *raftboltdb.BoltStore
	path   string
	writes *writes
	fail   func(error)
	half   halfVote
}

// Set stores a value. The two values of a vote are written by the second call, the
// candidate first: see halfVote.
func (c *checkedStable) Set(key, value []byte) error {
	if c.half.keep(key, value) {
		return nil
	}
	err := c.write(key, value)
	if term := c.half.rest(key); err == nil && term != nil {
		err = c.write([]byte(voteTermKey), term)
	}
	return err
}

func (c *checkedStable) write(key, value []byte) error {
	sum := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
	err := c.writes.do(func() error {
		return undamaged(c.path, func() error {
			return c.inner.Set(key, binary.LittleEndian.AppendUint32(bytes.Clone(value), sum))
		})
	})
	if err != nil {
		c.fail(fmt.Errorf("writing Raft's vote or term failed: %w", reachable(c.path, err)))
	}
	return err
}

func (c *checkedStable) Get(key []byte) ([]byte, error) {
	var raw []byte
	err := undamaged(c.path, func() (err error) { raw, err = c.inner.Get(key); return err })
	if err != nil {
		return nil, err
	}
	n := len(raw) - crc32.Size
	if n < 0 || binary.LittleEndian.Uint32(raw[n:]) != crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, raw[:n]) {
		return nil, fmt.Errorf("the value of %s: its checksum does not match", key)
	}
	return raw[:n], nil
}

func (c *checkedStable) SetUint64(key []byte, n uint64) error {
	return c.Set(key, binary.BigEndian.AppendUint64(nil, n))
}

func (c *checkedStable) GetUint64(key []byte) (uint64, error) {
	raw, err := c.Get(key)
	if err != nil {
		return 0, err
	}
	if len(raw) != 8 {
		return 0, fmt.Errorf("the value of %s has %d bytes", key, len(raw))
	}
	return binary.BigEndian.Uint64(raw), nil
}

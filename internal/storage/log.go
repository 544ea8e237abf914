package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

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

package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/hashicorp/raft"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// boltLog is Raft's log in bbolt. It writes a checksum with each entry, since neither bbolt's
// pages nor raft-boltdb's records have one, and verifies it at each read.
type boltLog struct {
	raft.LogStore
	path string
}

// FirstIndex returns the index of the oldest entry.
func (b *boltLog) FirstIndex() (first uint64, err error) {
	err = undamaged(b.path, func() (err error) { first, err = b.LogStore.FirstIndex(); return err })
	return first, err
}

func (b *boltLog) LastIndex() (last uint64, err error) {
	err = undamaged(b.path, func() (err error) { last, err = b.LogStore.LastIndex(); return err })
	return last, err
}

func (b *boltLog) StoreLog(l *raft.Log) error { return b.StoreLogs([]*raft.Log{l}) }

func (b *boltLog) StoreLogs(logs []*raft.Log) error {
	sealed := make([]*raft.Log, len(logs))
	for i, l := range logs {
		c := *l
		c.Extensions = seal(l)
		sealed[i] = &c
	}
	return undamaged(b.path, func() error { return b.LogStore.StoreLogs(sealed) })
}

func (b *boltLog) DeleteRange(from, to uint64) error {
	return undamaged(b.path, func() error { return b.LogStore.DeleteRange(from, to) })
}

func (b *boltLog) GetLog(index uint64, l *raft.Log) error {
	if err := undamaged(b.path, func() error { return b.LogStore.GetLog(index, l) }); err != nil {
		return err
	}
	if l.Index != index || !bytes.Equal(l.Extensions, seal(l)) {
		return errors.New("its checksum does not match")
	}
	l.Extensions = nil
	return nil
}

// seal returns the checksum of an entry.
func seal(l *raft.Log) []byte {
	var head [17]byte
	binary.LittleEndian.PutUint64(head[0:], l.Index)
	binary.LittleEndian.PutUint64(head[8:], l.Term)
	head[16] = byte(l.Type)
	sum := crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, l.Data)
	return binary.LittleEndian.AppendUint32(nil, sum)
}

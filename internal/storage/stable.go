package storage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// checkedStable stores a checksum with each of Raft's own values. With a damaged vote or
// term a node could vote twice.
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
	err := c.writes.do(func() error { return c.put(key, value) })
	if err != nil {
		c.fail(fmt.Errorf("writing Raft's vote or term failed: %w", reachable(c.path, err)))
	}
	return err
}

// put stores a value within a write that is already counted.
func (c *checkedStable) put(key, value []byte) error {
	sum := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
	return undamaged(c.path, func() error {
		return c.inner.Set(key, binary.LittleEndian.AppendUint32(bytes.Clone(value), sum))
	})
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

package wire

import (
	"encoding/binary"
	"hash/crc32"
)

// An Encoder appends values: integers as varints, strings after their length. Err is for its owner, which sets it if a
// value cannot be expressed in Version.
type Encoder struct {
	Bytes   []byte
	Version uint64
	Err     error
}

// Since reports whether a field that was added in a version is written.
func (e *Encoder) Since(version uint64) bool { return e.Version >= version }

// Uint appends a number.
func (e *Encoder) Uint(n uint64) { e.Bytes = binary.AppendUvarint(e.Bytes, n) }

// Int64 appends a number that may be negative.
func (e *Encoder) Int64(n int64) { e.Bytes = binary.AppendVarint(e.Bytes, n) }

// String appends a string.
func (e *Encoder) String(s string) {
	e.Uint(uint64(len(s)))
	e.Bytes = append(e.Bytes, s...)
}

// Bool appends a truth value.
func (e *Encoder) Bool(b bool) {
	if b {
		e.Bytes = append(e.Bytes, 1)
	} else {
		e.Bytes = append(e.Bytes, 0)
	}
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Checksum returns the CRC-32C (Castagnoli) of some bytes.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli()) }

package segments

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// headerBytes is the size of a record's header, and what each record is aligned to: a
	// header never crosses a sector, so that a disk writes it as a whole or not at all.
	headerBytes = 64
	// sectorBytes is the least that a disk writes as a whole.
	sectorBytes = 512
	// filler is what a record is filled up with. It is not zero: a sector of zeros is one that
	// was not written.
	filler = 0xff
)

// The kinds of a record.
const (
	kindEntry = 1 + iota // an entry of the log
	kindCut              // the entries after index are removed: they were never committed
	kindDrop             // the entries before index are removed: a snapshot has them
	kindEnd              // the next record is in the next segment
)

// header is the first part of a record. The entry's data and extensions follow it.
type header struct {
	kind       byte
	entryType  raft.LogType
	number     uint64 // of the record
	synced     uint64 // the newest record that was on disk when this one was written
	index      uint64
	term       uint64
	appendedAt int64 // Unix nanoseconds, or 0
	data       uint32
	extensions uint32
	body       uint32 // checksum of data and extensions
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode writes the header to its place. The salt is different in each segment, so that no
// data that a client chose looks like a header.
func (h *header) encode(to []byte, salt uint32) {
	le := binary.LittleEndian
	to[4], to[5] = h.kind, byte(h.entryType)
	le.PutUint64(to[8:], h.number)
	le.PutUint64(to[16:], h.synced)
	le.PutUint64(to[24:], h.index)
	le.PutUint64(to[32:], h.term)
	le.PutUint64(to[40:], uint64(h.appendedAt))
	le.PutUint32(to[48:], h.data)
	le.PutUint32(to[52:], h.extensions)
	le.PutUint32(to[56:], h.body)
	le.PutUint32(to, crc32.Update(salt, castagnoli, to[4:headerBytes]))
}

// decode reads a header, and reports whether it is one.
func (h *header) decode(from []byte, salt uint32) bool {
	le := binary.LittleEndian
	if le.Uint32(from) != crc32.Update(salt, castagnoli, from[4:headerBytes]) {
		return false
	}
	*h = header{
		kind: from[4], entryType: raft.LogType(from[5]),
		number: le.Uint64(from[8:]), synced: le.Uint64(from[16:]), index: le.Uint64(from[24:]), term: le.Uint64(from[32:]),
		appendedAt: int64(le.Uint64(from[40:])), data: le.Uint32(from[48:]), extensions: le.Uint32(from[52:]), body: le.Uint32(from[56:]),
	}
	return h.kind >= kindEntry && h.kind <= kindEnd
}

// size returns how many bytes the record takes in its segment.
func (h *header) size() int64 {
	return align(headerBytes + h.bodySize())
}

func (h *header) bodySize() int64 { return int64(h.data) + int64(h.extensions) }

func align(n int64) int64 { return (n + headerBytes - 1) / headerBytes * headerBytes }

// recordSize returns how many bytes an entry takes in a segment.
func recordSize(l *raft.Log) int64 {
	return align(headerBytes + int64(len(l.Data)) + int64(len(l.Extensions)))
}

// entryHeader returns the header of an entry, without the numbers of the record.
func entryHeader(l *raft.Log) header {
	h := header{
		kind: kindEntry, entryType: l.Type, index: l.Index, term: l.Term,
		data: uint32(len(l.Data)), extensions: uint32(len(l.Extensions)),
		body: crc32.Update(crc32.Checksum(l.Data, castagnoli), castagnoli, l.Extensions),
	}
	if !l.AppendedAt.IsZero() {
		h.appendedAt = l.AppendedAt.UnixNano()
	}
	return h
}

// whole reports whether the body and the rest of a record, which begins with its header, are
// as they were written.
func (h *header) whole(record []byte) bool {
	end := headerBytes + h.bodySize()
	for _, c := range record[end:h.size()] {
		if c != filler {
			return false
		}
	}
	return crc32.Checksum(record[headerBytes:end], castagnoli) == h.body
}

// entry returns the entry of a header and its body, or false if the body is not the one
// that was written.
func (h *header) entry(body []byte) (raft.Log, bool) {
	if crc32.Checksum(body, castagnoli) != h.body {
		return raft.Log{}, false
	}
	l := raft.Log{Index: h.index, Term: h.term, Type: h.entryType, Data: body[:h.data:h.data]}
	if h.extensions > 0 {
		l.Extensions = body[h.data:]
	}
	if h.appendedAt != 0 {
		l.AppendedAt = time.Unix(0, h.appendedAt)
	}
	return l, true
}

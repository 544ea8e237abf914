package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// EntryVersion is the newest version of an entry that this code reads. A leader
// writes at the least version that any voter reads.
const EntryVersion = 1

// An Entry is one log entry: a header and the commands that were packed together.
//
// On disk: a magic byte, the version it is written in, the least version that
// can read it, a CRC-32C (Castagnoli, 4 bytes, little-endian) of all that
// follows, then the deciding term, the stamp, the wall time, the number of
// commands, and each command as kind, length and body.
type Entry struct {
	Term     uint64 // the Raft term in which a leader packed it
	Stamp    Millis // cluster time
	Wall     int64  // Unix milliseconds, for people's eyes
	Commands []Command
}

const (
	entryMagic  = 0xD1
	entryHeader = 3 + crc32.Size
)

// ErrTooNew says that an entry or a snapshot was written by a newer lockd in a
// form that this one cannot read.
var ErrTooNew = errors.New("written by a newer lockd; run that version")

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Encode returns the entry's bytes in a version, at most EntryVersion.
func (e *Entry) Encode(version uint64) []byte {
	commands := make([][]byte, len(e.Commands))
	for i, c := range e.Commands {
		commands[i] = EncodeCommand(c)
	}
	return Pack(version, e.Term, e.Stamp, e.Wall, commands)
}

// Pack returns the bytes of an entry whose commands were encoded already.
func Pack(version, term uint64, stamp Millis, wall int64, commands [][]byte) []byte {
	size := entryHeader + 40
	for _, c := range commands {
		size += len(c)
	}
	w := encoder{buf: make([]byte, entryHeader, size)}
	w.uint(term)
	w.millis(stamp)
	w.int64(wall)
	w.uint(uint64(len(commands)))
	for _, c := range commands {
		w.buf = append(w.buf, c...)
	}
	w.buf[0], w.buf[1], w.buf[2] = entryMagic, byte(version), byte(version)
	binary.LittleEndian.PutUint32(w.buf[3:], crc32.Checksum(w.buf[entryHeader:], castagnoli()))
	return w.buf
}

// DecodeEntry reads what Encode wrote. It refuses an entry as a whole: a part
// of a committed entry must never be applied.
func DecodeEntry(b []byte) (*Entry, error) {
	if len(b) < entryHeader || b[0] != entryMagic {
		return nil, fmt.Errorf("%w: not an entry", errCorrupt)
	}
	if b[2] > EntryVersion {
		return nil, fmt.Errorf("fsm: an entry of version %d: %w", b[2], ErrTooNew)
	}
	if binary.LittleEndian.Uint32(b[3:]) != crc32.Checksum(b[entryHeader:], castagnoli()) {
		return nil, fmt.Errorf("%w: an entry's checksum does not match", errCorrupt)
	}
	d := decoder{buf: b[entryHeader:]}
	e := &Entry{Term: d.uint(), Stamp: d.millis(), Wall: d.int64()}
	n := d.count(MaxEntryCommands)
	e.Commands = make([]Command, 0, n)
	for range n {
		e.Commands = append(e.Commands, d.command())
	}
	if err := d.end("an entry"); err != nil {
		return nil, err
	}
	return e, nil
}

func (d *decoder) command() Command {
	k := kind(d.byteOf(255))
	size := d.count(MaxEntryBytes)
	c := blank(k)
	if c == nil {
		d.fail("unknown command %d", k)
		return nil
	}
	body := decoder{buf: d.buf[:size]}
	c.decode(&body)
	if err := body.end("its last field"); err != nil {
		d.fail("command %d: %v", k, err)
		return nil
	}
	d.buf = d.buf[size:]
	return c
}

// EncodeCommand returns one command's bytes, for the way from a follower to the
// leader.
func EncodeCommand(c Command) []byte {
	var body, w encoder
	c.encode(&body)
	w.uint(uint64(c.kind()))
	w.uint(uint64(len(body.buf)))
	return append(w.buf, body.buf...)
}

// DecodeCommand reads what EncodeCommand wrote.
func DecodeCommand(b []byte) (Command, error) {
	d := decoder{buf: b}
	c := d.command()
	if err := d.end("a command"); err != nil {
		return nil, err
	}
	return c, nil
}

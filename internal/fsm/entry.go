package fsm

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/wire"
)

// An Entry is one log entry: a header and the commands that were packed together.
//
// On disk: a magic byte, the version of the writer, the version of the form, which a
// reader must know (so far both are the same), a CRC-32C (Castagnoli, 4 bytes,
// little-endian) of all that follows, the term in which it was packed, the stamp, the wall
// time, the number of commands, and each command as kind, length and body.
type Entry struct {
	Version  uint64 // of the form that was decoded; Encode takes it as an argument
	Term     uint64 // the Raft term in which a leader packed it
	Stamp    Millis // cluster time
	Wall     int64  // Unix milliseconds, for display only
	Commands []Command
}

const (
	entryMagic  = 0xD1
	entryHeader = 3 + crc32.Size
)

// Encode returns the entry's bytes in a version, or ErrNotYet.
func (e *Entry) Encode(version uint64) ([]byte, error) {
	commands := make([][]byte, len(e.Commands))
	for i, c := range e.Commands {
		var err error
		if commands[i], err = EncodeCommand(c, version); err != nil {
			return nil, err
		}
	}
	return Pack(version, e.Term, e.Stamp, e.Wall, commands), nil
}

// Pack returns the bytes of an entry whose commands were encoded already, in the
// same version.
func Pack(version, term uint64, stamp Millis, wall int64, commands [][]byte) []byte {
	size := entryHeader + 40
	for _, c := range commands {
		size += len(c)
	}
	w := newEncoder(version)
	w.Bytes = make([]byte, entryHeader, size)
	w.Uint(term)
	w.Millis(stamp)
	w.Int64(wall)
	w.Uint(uint64(len(commands)))
	for _, c := range commands {
		w.Bytes = append(w.Bytes, c...)
	}
	w.Bytes[0], w.Bytes[1], w.Bytes[2] = entryMagic, byte(version), byte(version)
	binary.LittleEndian.PutUint32(w.Bytes[3:], wire.Checksum(w.Bytes[entryHeader:]))
	return w.Bytes
}

// DecodeEntry reads what Encode wrote. An error refuses the whole entry: a part of a
// committed entry must never be applied.
func DecodeEntry(b []byte) (*Entry, error) {
	if len(b) < entryHeader || b[0] != entryMagic {
		return nil, fmt.Errorf("%w: not an entry", errCorrupt)
	}
	form := uint64(b[2])
	if form > EntryVersion {
		return nil, fmt.Errorf("fsm: an entry of version %d: %w", form, ErrTooNew)
	}
	if form == 0 || b[1] < b[2] {
		return nil, fmt.Errorf("%w: an entry of version %d in the form of %d", errCorrupt, b[1], form)
	}
	if binary.LittleEndian.Uint32(b[3:]) != wire.Checksum(b[entryHeader:]) {
		return nil, fmt.Errorf("%w: an entry's checksum does not match", errCorrupt)
	}
	d := newDecoder(b[entryHeader:], form)
	e := &Entry{Version: form, Term: d.Uint(), Stamp: d.Millis(), Wall: d.Int64()}
	n := d.Count(MaxEntryCommands)
	e.Commands = make([]Command, 0, n)
	for range n {
		e.Commands = append(e.Commands, d.command())
	}
	if err := d.End("an entry"); err != nil {
		return nil, err
	}
	return e, nil
}

func (d *decoder) command() Command {
	k := kind(d.ByteOf(255))
	size := d.Count(MaxEntryBytes)
	c := newCommand(k)
	if c == nil {
		d.Fail("unknown command %d", k)
		return nil
	}
	body := newDecoder(d.Bytes[:size], d.Version)
	c.decode(&body)
	if from := callerOf(c); from != nil && body.Since(3) {
		body.caller(from)
	}
	if err := body.End("its last field"); err != nil {
		d.Fail("command %d: %v", k, err)
		return nil
	}
	d.Bytes = d.Bytes[size:]
	return c
}

// EncodeCommand returns one command's bytes in a version, for an entry or for the request
// of a follower to the leader. It returns ErrNotYet if that version cannot express the
// command.
func EncodeCommand(c Command, version uint64) ([]byte, error) {
	body := newEncoder(version)
	c.encode(&body)
	if from := callerOf(c); from != nil && body.requires(3, *from != (access.Caller{})) {
		body.caller(from)
	}
	if body.Err != nil {
		return nil, body.Err
	}
	var w encoder
	w.Uint(uint64(c.kind()))
	w.Uint(uint64(len(body.Bytes)))
	return append(w.Bytes, body.Bytes...), nil
}

// DecodeCommand reads what EncodeCommand wrote.
func DecodeCommand(b []byte, version uint64) (Command, error) {
	d := newDecoder(b, version)
	c := d.command()
	if err := d.End("a command"); err != nil {
		return nil, err
	}
	return c, nil
}

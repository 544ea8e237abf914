package fsm

import (
	"errors"
	"fmt"
)

// EntryVersion is the newest version of the binary form that this code reads and writes. One
// number covers entries, snapshots, and the commands, replies and answers between nodes;
// see docs/adr/0013. All older versions can be read, and the bytes of a version never
// change.
const EntryVersion = 3

// ErrTooNew is the error for an entry or a snapshot of a newer lockd that this one cannot
// read.
var ErrTooNew = errors.New("written by a newer lockd; run that version")

// ErrNotYet is the error for a command that cannot be expressed in a version that every
// member reads. Nothing was applied. The command can be applied after all nodes are
// upgraded.
var ErrNotYet = fmt.Errorf("%w: a member is of an older lockd, which cannot read this; upgrade it first", ErrNotReady)

// since reports whether a field that was added in a version is written. In an older version
// it is omitted if used is false; otherwise the encoder fails with ErrNotYet, because an
// omitted field would change the meaning. Used is false if the reader does not need the
// field.
//
// A field is added at the end of its struct:
//
//	if e.since(2, c.Note != "") {
//		e.String(c.Note)
//	}
//
// and read in the same place, under d.since(2). A new command calls e.since(2, true) first.
func (e *encoder) since(version uint64, used bool) bool {
	if e.Version >= version {
		return true
	}
	if used && e.Err == nil {
		e.Err = ErrNotYet
	}
	return false
}

// since reports whether the bytes were written in a version or a later one.
func (d *decoder) since(version uint64) bool { return d.Version >= version }

// Version returns the newest version of the applied entries. Snapshots and the hash use that
// version, so that they are the same on every node and every member can read them.
func (m *Machine) Version() uint64 { return m.version }

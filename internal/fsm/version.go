package fsm

import (
	"errors"
	"fmt"
)

// EntryVersion is the newest version of lockd's form that this code reads and
// writes. One number covers entries, snapshots, and the commands, replies and
// answers between nodes; docs/adr/0013 says how it grows. What was written in an
// older version is read for ever, and the bytes of a version never change.
const EntryVersion = 2

// ErrTooNew says that an entry or a snapshot was written by a newer lockd in a
// form that this one cannot read.
var ErrTooNew = errors.New("written by a newer lockd; run that version")

// ErrNotYet says that a command has no form in a version that every member reads.
// Nothing was applied, and after the upgrade of the last node it can be.
var ErrNotYet = fmt.Errorf("%w: a member is of an older lockd, which cannot read this; upgrade it first", ErrNotReady)

// since reports whether a field that came with a version is written. One that is
// used has no place in what is written in an older version, and must not be left
// out unsaid: what is encoded is then refused as a whole. Where a reader can do
// without the field, used is false.
//
// A field is added at the end of what it belongs to:
//
//	if e.since(2, c.Note != "") {
//		e.string(c.Note)
//	}
//
// and read in the same place, under d.since(2). A command that is new as a whole
// says e.since(2, true) first.
func (e *encoder) since(version uint64, used bool) bool {
	if e.version >= version {
		return true
	}
	if used && e.err == nil {
		e.err = ErrNotYet
	}
	return false
}

// since reports whether what is read was written in a version or a later one.
func (d *decoder) since(version uint64) bool { return d.version >= version }

// Version returns the newest version of an entry that was applied. The machine's
// snapshots and its hash are of that version, so that they are the same on every
// node, and none is written that a member cannot read.
func (m *Machine) Version() uint64 { return m.version }

package fsm

import (
	"errors"
	"fmt"
)

// EntryVersion is the newest version of the binary form that this code reads and writes. One
// number covers entries, snapshots, and the commands, replies and answers between nodes;
// see docs/adr/0013. All older versions can be read, and the bytes of a version never
// change.
const EntryVersion = 4

// ErrTooNew is the error for an entry or a snapshot of a newer lockd that this one cannot
// read.
var ErrTooNew = errors.New("written by a newer lockd; run that version")

// ErrNotYet is the error for a command that cannot be expressed in a version that every
// member reads. Nothing was applied. The command can be applied after all nodes are
// upgraded.
var ErrNotYet = fmt.Errorf("%w: a member is of an older lockd, which cannot read this; upgrade it first", ErrNotReady)

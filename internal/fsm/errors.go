package fsm

import (
	"errors"
	"fmt"
)

// What keeps a command from an answer, in three kinds that no layer may mix.
// A refusal is a Result and none of these.
//
// ErrNoLeader, ErrNotReady and ErrOverloaded are definitive: nothing was
// applied. ErrUnknown is not: the command may yet be applied.
var (
	ErrNoLeader   = errors.New("the cluster has no leader that can be reached; nothing was applied")
	ErrNotReady   = errors.New("this node is not ready to serve; nothing was applied")
	ErrOverloaded = errors.New("too much is waiting already; nothing was applied")
	ErrUnknown    = errors.New("the outcome is unknown: it may or may not have been applied")
)

// Gone says that a watch asked for events that are no longer kept.
type Gone struct {
	Oldest  uint64 // the oldest revision a watch can resume from
	Current uint64
}

func (g *Gone) Error() string {
	return fmt.Sprintf("events up to revision %d are no longer kept (current is %d)", g.Oldest, g.Current)
}

// Refused is an operator's wish about the cluster that its leader declined, with
// the reason. Nothing changed.
type Refused struct{ Reason string }

func (r *Refused) Error() string { return r.Reason }

// FieldError says what is wrong with one field, and what would be right.
type FieldError struct {
	Field  string // the JSON member or parameter
	Reason string
}

// Invalid lists what is wrong with a command's fields.
type Invalid []FieldError

func (e Invalid) Error() string {
	if len(e) == 0 {
		return "invalid"
	}
	return e[0].Field + " " + e[0].Reason
}

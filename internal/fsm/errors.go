package fsm

import (
	"errors"
	"fmt"
)

// The errors of commands. A refusal is a Result and not an error.
//
// With ErrNoLeader, ErrNotReady and ErrOverloaded nothing was applied. With ErrUnknown the
// command may have been applied, or may be applied later. No layer may mix them.
var (
	ErrNoLeader   = errors.New("the cluster has no leader that can be reached; nothing was applied")
	ErrNotReady   = errors.New("this node is not ready to serve; nothing was applied")
	ErrOverloaded = errors.New("too much is waiting already; nothing was applied")
	ErrUnknown    = errors.New("the outcome is unknown: it may or may not have been applied")
)

// Gone is the error of a watch that resumes from a revision whose events are no longer
// kept.
type Gone struct {
	Oldest  uint64 // the oldest revision a watch can resume from
	Current uint64
}

func (g *Gone) Error() string {
	return fmt.Sprintf("events up to revision %d are no longer kept (current is %d)", g.Oldest, g.Current)
}

// Refused is the error of an operator's request that the leader refused, with the reason.
// Nothing was changed.
type Refused struct{ Reason string }

func (r *Refused) Error() string { return r.Reason }

// FieldError is the error of one field. Reason states what is valid.
type FieldError struct {
	Field  string // the JSON member or parameter
	Reason string
}

// Invalid lists the errors of a command's fields.
type Invalid []FieldError

func (e Invalid) Error() string {
	if len(e) == 0 {
		return "invalid"
	}
	return e[0].Field + " " + e[0].Reason
}

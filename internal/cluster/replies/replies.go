// Package replies has how calls between nodes are answered.
package replies

import (
	"errors"

	"github.com/lockd/lockd/internal/fsm"
)

// How a call was answered.
const (
	OK byte = iota
	NoLeader
	NotReady
	Overloaded
	Unknown
	Failed // with a sentence
)

// Of returns the answer for the error of a call.
func Of(err error) (byte, []byte) {
	switch {
	case err == nil:
		return OK, nil
	case errors.Is(err, fsm.ErrUnknown):
		return Unknown, nil
	case errors.Is(err, fsm.ErrOverloaded):
		return Overloaded, nil
	case errors.Is(err, fsm.ErrNotReady):
		return NotReady, nil
	case errors.Is(err, fsm.ErrNoLeader):
		return NoLeader, nil
	}
	return Failed, []byte(err.Error())
}

// Error returns the error of an answer, or nil.
func Error(status byte, payload []byte) error {
	switch status {
	case OK:
		return nil
	case NoLeader:
		return fsm.ErrNoLeader
	case NotReady:
		return fsm.ErrNotReady
	case Overloaded:
		return fsm.ErrOverloaded
	case Unknown:
		return fsm.ErrUnknown
	}
	return &fsm.Refused{Reason: string(payload)}
}

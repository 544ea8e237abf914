package main

import (
	"errors"
	"fmt"

	"github.com/lockd/lockd/internal/run"
)

// Exit codes. The result of lock or elect may have any other, too.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = run.CodeInvalid
	exitUnreachable = run.CodeUnreachable
	exitNotAcquired = run.CodeNotAcquired
	exitLost        = run.CodeLost
)

// A usageError is an invalid command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// An exitError ends lockd with its own exit code. err has more information, if there is any.
type exitError struct {
	code int
	err  error // nil: none
}

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

func (e exitError) Unwrap() error { return e.err }

var errNotConfirmed = errors.New("not confirmed; nothing was changed")

// exitCode returns the exit code of an error.
func exitCode(err error) int {
	var usage usageError
	var exit exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &usage):
		return exitUsage
	}
	if code, ok := run.CodeOf(err); ok {
		return code
	}
	return exitFailed
}

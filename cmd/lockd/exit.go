package main

import (
	"context"
	"errors"
	"fmt"

	lockd "github.com/lockd/lockd/clients/go"
)

// Exit codes; those above 1 are from sysexits.h, with 76 for a loss.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 64
	exitUnreachable = 69
	exitNotAcquired = 75
	exitLost        = 76
)

// A usageError is a command line that cannot be right.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// An exitError ends lockd with a code of its own choice, and says why where there
// is more to say than the code does.
type exitError struct {
	code int
	err  error // nil: nothing
}

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

func (e exitError) Unwrap() error { return e.err }

var errNotConfirmed = errors.New("not confirmed: nothing was done")

// exitCode says what an error means to a script.
func exitCode(err error) int {
	var usage usageError
	var exit exitError
	var unknown *lockd.UnknownError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, lockd.ErrLost):
		return exitLost
	case errors.Is(err, lockd.ErrNotAcquired):
		return exitNotAcquired
	case errors.Is(err, context.Canceled):
		return exitFailed // interrupted
	case errors.As(err, &unknown), errors.Is(err, lockd.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return exitUnreachable
	}
	var refused *lockd.Error
	if errors.As(err, &refused) {
		switch refused.Type {
		case lockd.TypeInvalid:
			return exitUsage
		case lockd.TypeQueueFull, lockd.TypeTooManyLeases, lockd.TypeStateFull, lockd.TypeRateLimited:
			return exitNotAcquired
		}
	}
	return exitFailed
}

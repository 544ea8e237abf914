package main

import (
	"context"
	"errors"
	"fmt"

	lockd "github.com/lockd/lockd/clients/go"
)

// Exit codes. Those above 1 are from sysexits.h, except for 76, which is a loss.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 64
	exitUnreachable = 69
	exitNotAcquired = 75
	exitLost        = 76
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

package run

import (
	"context"
	"errors"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/run/guard"
)

// A Result is how Lock or Elect ended.
type Result struct {
	Code int   // exit code of the program: that of the command, 128 plus a signal, or one of those below or of package guard
	Err  error // to print; nil: none, or it was logged
}

// Exit codes for errors of the client. They are from sysexits.h, except for 76, which is a loss.
const (
	CodeInvalid     = 64
	CodeUnreachable = 69
	CodeNotAcquired = 75
	CodeLost        = 76
)

// CodeOf returns the exit code for an error of the client. ok is false if there is none for this error, or if the
// request was cancelled.
func CodeOf(err error) (code int, ok bool) {
	var unknown *lockd.UnknownError
	switch {
	case errors.Is(err, lockd.ErrLost):
		return CodeLost, true
	case errors.Is(err, lockd.ErrNotAcquired):
		return CodeNotAcquired, true
	case errors.Is(err, context.Canceled):
		return 0, false
	case errors.As(err, &unknown), errors.Is(err, lockd.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return CodeUnreachable, true
	}
	var refused *lockd.Error
	if !errors.As(err, &refused) {
		return 0, false
	}
	switch refused.Type {
	case lockd.TypeInvalid:
		return CodeInvalid, true
	case lockd.TypeQueueFull, lockd.TypeTooManyLeases, lockd.TypeStateFull, lockd.TypeRateLimited, lockd.TypeQuota:
		return CodeNotAcquired, true
	}
	return 0, false
}

// hasCode reports whether err is an error of the client with that exit code.
func hasCode(err error, want int) bool {
	code, ok := CodeOf(err)
	return ok && code == want
}

// Failed returns the result of a command that could not be run, with the exit code that shells use.
func Failed(err error) Result {
	var refused *guard.Error
	if errors.As(err, &refused) {
		return Result{refused.Code, refused}
	}
	return Result{guard.CodeFailed, err}
}

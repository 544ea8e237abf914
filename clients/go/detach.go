package lockd

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// releaseTimeout limits a release whose context was cancelled.
const releaseTimeout = 5 * time.Second

// detached returns a context for a release. It outlives the cancellation of ctx by releaseTimeout.
// If the deadline of ctx has not passed yet, it is kept.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	free := context.WithoutCancel(ctx)
	if ctx.Err() != nil {
		return context.WithTimeout(free, releaseTimeout)
	}
	var cancel context.CancelFunc
	if deadline, ok := ctx.Deadline(); ok {
		free, cancel = context.WithDeadline(free, deadline)
	} else {
		free, cancel = context.WithCancel(free)
	}
	stop := context.AfterFunc(ctx, func() {
		if sleep(free, releaseTimeout) {
			cancel()
		}
	})
	return free, func() {
		stop()
		cancel()
	}
}

// releaseError makes the error of a release report whether it was applied. A context that ended
// before anything was sent is ErrUnavailable.
func releaseError(err error) error {
	var e *Error
	var u *UnknownError
	if err == nil || errors.Is(err, ErrUnavailable) || errors.As(err, &e) || errors.As(err, &u) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

package lockd

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// releaseTimeout bounds what is given back after its context was cancelled.
const releaseTimeout = 5 * time.Second

// detached returns a context for giving something back. It outlives the cancellation
// of ctx by releaseTimeout. A deadline of ctx that has not passed yet is kept.
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

// outcome makes an error of a release say whether it was applied: an end of the
// context before anything was sent is ErrUnavailable.
func outcome(err error) error {
	var e *Error
	var u *UnknownError
	if err == nil || errors.Is(err, ErrUnavailable) || errors.As(err, &e) || errors.As(err, &u) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

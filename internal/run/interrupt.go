package run

import (
	"context"
	"syscall"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/run/guard"
)

// interrupted is the cause of a wait that ended because this process received a signal.
type interrupted struct{ by syscall.Signal }

func (i interrupted) Error() string { return i.by.String() }

// interruptible returns the result of ask, unless ctx ends or this process receives a signal to end
// before.
func (r *runner) interruptible(ctx context.Context, ask func(context.Context) (*lockd.Lease, error)) (*lockd.Lease, error) {
	ctx, stop := r.untilInterrupted(ctx)
	l, err := ask(ctx)
	by := stop()
	if by == nil {
		return l, err
	}
	if err == nil {
		_ = r.release(l, nil) // nothing ran under it
	}
	return nil, by
}

// untilInterrupted returns a context that also ends when this process receives a signal that ends
// it, until stop is called. stop returns why the context has ended; nil: it had not. Other signals are
// dropped, because no command runs.
func (r *runner) untilInterrupted(parent context.Context) (ctx context.Context, stop func() error) {
	ctx, cancel := context.WithCancelCause(parent)
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case s := <-r.Signals:
				if by, ok := s.(syscall.Signal); ok && guard.Ends(by) && (r.HangupEndsWait || by != syscall.SIGHUP) {
					cancel(interrupted{by})
				}
			case <-over:
				return
			}
		}
	}()
	return ctx, func() error {
		close(over)
		<-ended
		cause := context.Cause(ctx)
		cancel(nil)
		return cause
	}
}

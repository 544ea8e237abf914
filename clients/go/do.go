package lockd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// Work runs while a lease is held. Its context ends when the lease is lost, with a cause that
// matches ErrLost. Work must return then.
type Work func(ctx context.Context, l *Lease) error

// Do acquires the lease, keeps it while work runs, waits until work returns, and then releases the
// lease. It returns the error of the acquire, or the joined errors of the work and of a loss. Calls
// of one Client for the same name and session run one after another. A nested call for the lease of
// the running work fails with ErrReentrant.
//
// If no node answers the release, or it is refused for its credentials, the work is still done: Do
// logs a warning. The release continues in the background, or the lease ends with its TTL.
func (c *Client) Do(ctx context.Context, name string, opts AcquireOptions, work Work) error {
	start := c.clock()
	unlock, err := c.lockLocally(ctx, name, &opts)
	if err != nil {
		return err
	}
	defer unlock()
	opts.Wait = max(opts.Wait-c.clock().since(start), 0)
	l, err := c.acquire(ctx, name, opts, c.unreachableTimeout)
	if err != nil {
		return err
	}
	err, lost := l.run(ctx, work)
	return errors.Join(err, lost)
}

// Elect campaigns for the lease until ctx ends and runs work while it leads. After a loss it
// campaigns again, whatever work returned. If work returns by itself, Elect releases the lease and
// returns the error of work, even if that is the ErrLost of another lease. When ctx ends, Elect
// waits for work, releases the lease, and returns the error of work or else of ctx. opts.Wait is
// not used.
//
// Elect returns an error early only if another attempt cannot succeed: the call is invalid or refused
// for its credentials, or another process uses the session.
func (c *Client) Elect(ctx context.Context, name string, opts AcquireOptions, work Work) error {
	opts.Wait = Forever
	unlock, err := c.lockLocally(ctx, name, &opts)
	if err != nil {
		return err
	}
	defer unlock()
	c.metrics.Off(name)
	for {
		l, err := c.acquire(ctx, name, opts, Forever)
		if err != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		err, lost := l.lead(ctx, work)
		if lost == nil || ctx.Err() != nil {
			return cmp.Or(err, context.Cause(ctx))
		}
		if !sleep(ctx, jitter(minPause)) {
			return context.Cause(ctx)
		}
	}
}

// lead is run for the leader of an election.
func (l *Lease) lead(ctx context.Context, work Work) (err, lost error) {
	l.c.metrics.On(l.Name)
	defer l.c.metrics.Off(l.Name)
	return l.run(ctx, work)
}

// run runs work under the lease and releases the lease after it, even if work panics. It returns
// the error of the work and the loss separately.
func (l *Lease) run(ctx context.Context, work Work) (err, lost error) {
	held := l.KeepAlive()
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, l.key(), l.c))
	defer cancel(nil)
	stop := context.AfterFunc(held, func() { cancel(context.Cause(held)) })
	defer stop()
	defer func() {
		l.expire() // after a suspension the deadline may have passed unnoticed
		if cause := context.Cause(held); errors.Is(cause, ErrLost) {
			lost = fmt.Errorf("%w during the work", cause)
		}
		switch released := l.releaseAfterWork(ctx); {
		case errors.Is(released, ErrLost):
			lost = released
		case needsRetry(released):
			l.c.reachability.log.Warn("lockd: the work is done, but no node has confirmed the release of its lease; the release continues in the background", "name", l.Name, "error", released)
		case isDenied(released):
			l.c.reachability.log.Warn("lockd: the work is done, but the release of its lease was refused; the lease ends with its TTL", "name", l.Name, "error", released)
		default:
			err = errors.Join(err, released)
		}
	}()
	return work(ctx, l), nil
}

// releaseAfterWork releases the lease with its own context, because the context of the work may
// have ended.
func (l *Lease) releaseAfterWork(ctx context.Context) error {
	if errors.Is(context.Cause(l.ctx), ErrReleased) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	return l.Release(ctx)
}

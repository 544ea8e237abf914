package lockd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// Work is done while a lease is held. Its context ends when the lease is lost,
// with a cause that is ErrLost; it must return then.
type Work func(ctx context.Context, l *Lease) error

// Do acquires the lease, keeps it while work runs, waits for work to return and
// then releases. It returns the error of the acquire; or the errors of the work and of a
// loss, joined. Calls for one name and session by one Client take turns. A call in the
// work of another one for the same lease fails with ErrReentrant.
//
// If no node answers the release, the work is done nevertheless: Do logs a warning, and
// the release goes on in the background.
func (c *Client) Do(ctx context.Context, name string, opts AcquireOptions, work Work) error {
	start := c.clock()
	leave, err := c.turn(ctx, name, &opts)
	if err != nil {
		return err
	}
	defer leave()
	opts.Wait = max(opts.Wait-c.clock().since(start), 0)
	l, err := c.acquire(ctx, name, opts, c.noAnswer)
	if err != nil {
		return err
	}
	err, lost := l.guard(ctx, work)
	return errors.Join(err, lost)
}

// Elect campaigns for the lease for as long as ctx lasts and runs work while it
// leads. After a loss it campaigns again, whatever work returned; where work
// returns by itself, Elect releases and returns its error, also where that is
// ErrLost, of another lease. When ctx ends it waits for work, releases, and
// returns the error of the work or else of ctx. opts.Wait is not used.
//
// Elect returns an error early only where campaigning on is pointless: the call
// is wrong, or another process uses the session.
func (c *Client) Elect(ctx context.Context, name string, opts AcquireOptions, work Work) error {
	opts.Wait = Forever
	leave, err := c.turn(ctx, name, &opts)
	if err != nil {
		return err
	}
	defer leave()
	for {
		l, err := c.acquire(ctx, name, opts, Forever)
		if err != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		err, lost := l.guard(ctx, work)
		if lost == nil || ctx.Err() != nil {
			return cmp.Or(err, context.Cause(ctx))
		}
		if !sleep(ctx, jitter(minPause)) {
			return context.Cause(ctx)
		}
	}
}

// guard runs work under the lease and releases after it, even where work panics.
// It returns the error of the work and the loss apart.
func (l *Lease) guard(ctx context.Context, work Work) (err, lost error) {
	held := l.KeepAlive()
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, l.turn(), l.c))
	defer cancel(nil)
	stop := context.AfterFunc(held, func() { cancel(context.Cause(held)) })
	defer stop()
	defer func() {
		l.expire() // where the machine was suspended, nobody may have looked yet
		if cause := context.Cause(held); errors.Is(cause, ErrLost) {
			lost = fmt.Errorf("%w during the work", cause)
		}
		switch released := l.giveBack(ctx); {
		case errors.Is(released, ErrLost):
			lost = released
		case pending(released):
			l.c.reach.log.Warn("lockd: the work is done, but no node has confirmed the release of its lease", "name", l.Name, "error", released)
		default:
			err = errors.Join(err, released)
		}
	}()
	return work(ctx, l), nil
}

// giveBack releases with a context of its own: that of the work may have ended.
func (l *Lease) giveBack(ctx context.Context) error {
	if errors.Is(context.Cause(l.ctx), ErrReleased) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	return l.Release(ctx)
}

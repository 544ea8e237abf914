package lockd

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"time"
)

// Forever is a Wait without a limit of its own. It ends with the context, or if no node is
// reachable for Config.UnreachableTimeout.
const Forever time.Duration = math.MaxInt64

const (
	maxWait        = time.Minute // the longest wait of one request
	abandonTimeout = time.Second
)

// AcquireOptions are the options of an acquire. The zero value makes one attempt, without a wait,
// for a lease of 15 s with one holder.
type AcquireOptions struct {
	TTL   time.Duration // 1 s to 24 h; 0: 15 s
	Wait  time.Duration // how long to wait in the queue, any length; 0: do not wait
	Limit int           // how many sessions may hold the lease at the same time, also in one Client; 0: 1
	Delay time.Duration // how long the lease stays free after this hold expires or is broken; up to 60 s
	Meta  any           // a JSON object of up to 4 KiB that every reader can see, or nil

	// Priority, from -100 to 100, orders the queue. Waiters of equal priority are served in order
	// of arrival. A priority never ends a hold.
	Priority int

	// Reclaim gives a session that already holds the lease a new token. This fences off an earlier
	// run of the same process. Session must be the session of that run; Holder may differ.
	Reclaim bool

	Holder  string // instead of the Client's
	Session string // instead of the Client's

	// KeepPlace keeps the session's place in the queue after the wait, for Error.TicketExpiresIn.
	// Another acquire with the same session continues at that place. With KeepPlace, an Acquire
	// that ends without an answer also leaves what it may have acquired.
	KeepPlace bool
}

type acquireBody struct {
	Holder  string `json:"holder"`
	Session string `json:"session"`
	TTL     Millis `json:"ttl_ms,omitempty"`
	Wait    Millis `json:"wait_ms,omitempty"`
	Meta    any    `json:"meta,omitempty"`
	Limit   int    `json:"limit,omitempty"`
	Delay   Millis `json:"delay_ms,omitempty"`

	Priority int  `json:"priority,omitempty"`
	Reclaim  bool `json:"reclaim,omitempty"`

	Attempt string `json:"attempt,omitempty"`
}

// Acquire acquires the lease, or waits for it. If another process with the same session already
// holds it, Acquire renews the lease and returns the same token. Within a Client, two leases of one
// name and session exclude each other: the second acquire waits, or is refused, until the first
// lease is lost or released. Only a Reclaim fences the first one off. With a Limit above 1, each
// further lease of a name has its own random session.
//
// A refusal is an *Error that matches ErrNotAcquired. One for the credentials, which matches
// ErrUnauthenticated or ErrNotAllowed, ends the wait at once. During the wait, Acquire retries temporary
// failures and keeps its place in the queue, until no node has answered for
// Config.UnreachableTimeout.
//
// An Acquire that fails leaves nothing behind. If a request may have been applied, or has a place
// in the queue, the Client releases it by the ID of the attempt. Acquire waits up to 1 s for that
// release, even after ctx has ended. After that the release continues in the background, and the
// next Acquire of the name waits for it.
//
// The lease is not renewed until KeepAlive is called.
func (c *Client) Acquire(ctx context.Context, name string, opts AcquireOptions) (*Lease, error) {
	if opts.Reclaim {
		if err := c.prepare(&opts); err != nil {
			return nil, err
		}
		return c.acquire(ctx, name, opts, c.unreachableTimeout)
	}
	start := c.clock()
	unlock, err := c.lockLocally(ctx, name, &opts)
	if err != nil {
		return nil, err
	}
	opts.Wait = max(opts.Wait-c.clock().since(start), 0)
	l, err := c.acquire(ctx, name, opts, c.unreachableTimeout)
	if err != nil {
		unlock()
		return nil, err
	}
	c.locks.unlockWith(l, unlock)
	return l, nil
}

// prepare checks the options and fills in the Client's holder and session.
func (c *Client) prepare(opts *AcquireOptions) error {
	opts.Holder = cmp.Or(opts.Holder, c.holder)
	opts.Session = c.orOwn(opts.Session)
	return c.checkTTL(opts.TTL)
}

// acquire is Acquire for a caller that has the local lock. It gives up if no node has answered for
// the limit.
func (c *Client) acquire(ctx context.Context, name string, opts AcquireOptions, limit time.Duration) (*Lease, error) {
	attempt := newAttempt()
	l, left, err := c.acquireWithin(ctx, name, attempt, opts, limit)
	if !left || opts.KeepPlace {
		return l, err
	}
	lasts := cmp.Or(opts.TTL, defaultTTL) + min(opts.Wait, c.waitPiece) + c.attemptTimeout(opts.TTL)
	certain := c.releaseAttempt(attempt, lasts, lockKey{name, opts.Session})
	var e *Error
	switch {
	case errors.As(err, new(*UnknownError)):
		if certain && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	case errors.As(err, &e) && !isDenied(e):
		e.forgetPlace()
	}
	return nil, err
}

// acquireWithin sends acquires until one is granted or the wait is over. left reports that the
// attempt may have acquired something, or a place in the queue, that the caller does not get.
func (c *Client) acquireWithin(ctx context.Context, name, attempt string, opts AcquireOptions, limit time.Duration) (l *Lease, left bool, err error) {
	start, pause := c.clock(), minPause
	var errs attemptErrors
	queued, maybeApplied := false, false
	for {
		wait := min(max(opts.Wait-c.clock().since(start), 0), c.waitPiece)
		sent := c.clock()
		if err = c.finishPendingRelease(ctx, lockKey{name, opts.Session}); err == nil {
			l, err = c.acquireOnce(ctx, name, attempt, opts, wait, &errs)
			queued = keepsPlace(err, queued)
			maybeApplied = maybeApplied || errs.maybeApplied || errors.As(err, new(*UnknownError))
		}
		if err == nil || !worthWaiting(err) || c.waitIsOver(ctx, start, opts.Wait, limit) {
			return l, err != nil && (queued || maybeApplied), err
		}
		took := c.clock().since(sent)
		if took >= wait {
			pause = minPause // the node waited for the full time: send the next request at once
			continue
		}
		if took >= maxPause {
			pause = minPause // the connection broke during the wait: the node keeps the place for a few seconds
		}
		if !sleep(ctx, jitter(pause)) {
			return nil, queued || maybeApplied, err
		}
		pause = min(2*pause, maxPause)
	}
}

// waitIsOver reports whether a wait since start has ended: by its time, by ctx, or because no node
// has answered for the limit.
func (c *Client) waitIsOver(ctx context.Context, start instant, wait, limit time.Duration) bool {
	return ctx.Err() != nil || c.clock().since(start) >= wait || c.unreachable(start, limit)
}

// keepsPlace reports whether the session has a place in the queue without an open request. before
// is whether it had one when the request was sent. A refusal for the credentials does not report it.
func keepsPlace(err error, before bool) bool {
	var e *Error
	if errors.As(err, &e) && e.Definitive && !errors.Is(e, ErrUnavailable) && !isDenied(e) {
		return e.Queued
	}
	return err != nil && before
}

// worthWaiting reports whether another acquire may succeed after err.
func worthWaiting(err error) bool {
	var e *Error
	if errors.As(err, &e) && e.Definitive {
		switch e.Type {
		case TypeHeld, TypeDelayed, TypeQueueFull, TypeTooManyLeases, TypeStateFull, TypeRateLimited, TypeQuota:
			return true
		}
	}
	return needsRetry(err)
}

func (c *Client) acquireOnce(ctx context.Context, name, attempt string, opts AcquireOptions, wait time.Duration, errs *attemptErrors) (*Lease, error) {
	var g Grant
	body := acquireBody{Holder: opts.Holder, Session: opts.Session, TTL: millis(opts.TTL),
		Meta: opts.Meta, Limit: opts.Limit, Delay: millis(opts.Delay), Priority: opts.Priority, Reclaim: opts.Reclaim, Attempt: attempt}
	sent, err := c.do(ctx, call{
		method:     http.MethodPost,
		path:       leasePath(name, "acquire"),
		out:        &g,
		validate:   func() error { return g.validate(name, 0) },
		repeatable: true,
		waits:      wait > 0,
		errs:       errs,
		timeout:    c.attemptTimeout(opts.TTL),
		prepare: func(elapsed time.Duration) (any, time.Duration) {
			left := max(wait-elapsed, 0)
			body.Wait = millis(left)
			return body, left
		},
	})
	if err != nil {
		return nil, err
	}
	return newLease(c, name, opts.Session, g, sent, opts.TTL), nil
}

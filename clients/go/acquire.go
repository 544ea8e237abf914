package lockd

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"time"
)

// Forever is a Wait that ends with the context, or when no node is reachable: see
// Config.UnreachableTimeout.
const Forever time.Duration = math.MaxInt64

const (
	maxWait      = time.Minute // the longest that one request may ask for
	leaveTimeout = time.Second
)

// AcquireOptions say how a lease is wanted. The zero value asks once for a lease
// of 15 s with one holder.
type AcquireOptions struct {
	TTL   time.Duration // 1 s to 24 h; 0: 15 s
	Wait  time.Duration // how long to stand in the queue; 0: not at all; any length
	Limit int           // how many may hold at once, also in one Client; 0: 1
	Delay time.Duration // how long nobody gets the lease after this hold expired or was broken; to 60 s
	Meta  any           // a JSON object of up to 4 KiB that every reader sees, or nil

	// Priority, from -100 to 100, orders the queue before first come, first
	// served. It never ends anybody's hold.
	Priority int

	// Reclaim gives a session that holds the lease already a new token, and so
	// fences off an older self of its process. It needs the session of that, and may
	// come with another Holder.
	Reclaim bool

	Holder  string // instead of the Client's
	Session string // instead of the Client's

	// KeepPlace leaves the place in the queue when the wait is over, for whoever
	// asks again with the same session within Error.TicketExpiresIn. A call that ends
	// without an answer then leaves what it may have got, too.
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

// Acquire takes the lease, or waits for it. Where the session holds it already,
// as another process left it, it renews it and returns the same token. Two leases
// of one name and session exclude each other within a Client: the second waits, or
// is refused, until the first is lost, or given back; only a Reclaim fences it off.
// With a Limit above 1 each further lease of a name has a random session of its own.
//
// A refusal is an *Error that is ErrNotAcquired. While the wait runs, failures
// that cost nothing are not returned: the session keeps its place and asks again, until
// no node has answered for Config.UnreachableTimeout.
//
// An Acquire that fails leaves nothing: if one of its requests may have been applied, or
// has a place in the queue, the Client releases that by its attempt. Acquire waits for
// it for up to 1 s, also after ctx has ended; then it goes on in the background, and the
// next Acquire of the name waits for it.
// Nothing renews the lease until KeepAlive is called.
func (c *Client) Acquire(ctx context.Context, name string, opts AcquireOptions) (*Lease, error) {
	if opts.Reclaim {
		if err := c.prepare(&opts); err != nil {
			return nil, err
		}
		return c.acquire(ctx, name, opts, c.noAnswer)
	}
	start := c.clock()
	leave, err := c.turn(ctx, name, &opts)
	if err != nil {
		return nil, err
	}
	opts.Wait = max(opts.Wait-c.clock().since(start), 0)
	l, err := c.acquire(ctx, name, opts, c.noAnswer)
	if err != nil {
		leave()
		return nil, err
	}
	c.turns.until(l, leave)
	return l, nil
}

// prepare checks the options and says what they leave to the Client.
func (c *Client) prepare(opts *AcquireOptions) error {
	opts.Holder = cmp.Or(opts.Holder, c.holder)
	opts.Session = c.orOwn(opts.Session)
	return c.checkTTL(opts.TTL)
}

// acquire is Acquire by who has the turn. It gives up when no node has answered for the
// limit.
func (c *Client) acquire(ctx context.Context, name string, opts AcquireOptions, limit time.Duration) (*Lease, error) {
	attempt := newAttempt()
	l, left, err := c.campaign(ctx, name, attempt, opts, limit)
	if !left || opts.KeepPlace {
		return l, err
	}
	lasts := cmp.Or(opts.TTL, defaultTTL) + min(opts.Wait, c.piece) + c.attemptTimeout(opts.TTL)
	certain := c.abandon(attempt, lasts, turn{name, opts.Session})
	var e *Error
	switch {
	case errors.As(err, new(*UnknownError)):
		if certain && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	case errors.As(err, &e):
		e.forgetPlace()
	}
	return nil, err
}

// campaign asks until the lease is had or the wait is over; left says that the attempt
// may have got something then that its caller does not get.
func (c *Client) campaign(ctx context.Context, name, attempt string, opts AcquireOptions, limit time.Duration) (l *Lease, left bool, err error) {
	start, pause := c.clock(), minPause
	var so heard
	queued, doubted := false, false
	for {
		wait := min(max(opts.Wait-c.clock().since(start), 0), c.piece)
		asked := c.clock()
		if err = c.settle(ctx, turn{name, opts.Session}); err == nil {
			l, err = c.acquireOnce(ctx, name, attempt, opts, wait, &so)
			queued = keepsPlace(err, queued)
			doubted = doubted || so.doubted || errors.As(err, new(*UnknownError))
		}
		over := ctx.Err() != nil || c.clock().since(start) >= opts.Wait || c.unreachable(start, limit)
		if err == nil || over || !worthWaiting(err) {
			return l, err != nil && (queued || doubted), err
		}
		took := c.clock().since(asked)
		if took >= wait {
			pause = minPause // the wait ran its course: ask again at once
			continue
		}
		if took >= maxPause {
			pause = minPause // it was cut while it waited: its place is kept for a few seconds
		}
		if !sleep(ctx, jitter(pause)) {
			return nil, queued || doubted, err
		}
		pause = min(2*pause, maxPause)
	}
}

// keepsPlace reports whether the session has a place in the queue that no open
// request holds; before says whether it had one when the request was made.
func keepsPlace(err error, before bool) bool {
	var e *Error
	if errors.As(err, &e) && e.Definitive && !errors.Is(e, ErrUnavailable) {
		return e.Queued
	}
	return err != nil && before
}

// worthWaiting reports whether the lease may yet be had by asking again.
func worthWaiting(err error) bool {
	var e *Error
	if errors.As(err, &e) && e.Definitive {
		switch e.Type {
		case TypeHeld, TypeDelayed, TypeQueueFull, TypeTooManyLeases, TypeStateFull, TypeRateLimited:
			return true
		}
	}
	return pending(err)
}

func (c *Client) acquireOnce(ctx context.Context, name, attempt string, opts AcquireOptions, wait time.Duration, so *heard) (*Lease, error) {
	var g Grant
	body := acquireBody{Holder: opts.Holder, Session: opts.Session, TTL: millis(opts.TTL),
		Meta: opts.Meta, Limit: opts.Limit, Delay: millis(opts.Delay), Priority: opts.Priority, Reclaim: opts.Reclaim, Attempt: attempt}
	sent, err := c.do(ctx, call{
		method:     http.MethodPost,
		path:       leasePath(name, "acquire"),
		out:        &g,
		fits:       func() error { return g.fits(name, 0) },
		repeatable: true,
		so:         so,
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

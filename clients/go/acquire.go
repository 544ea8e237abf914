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
	Limit int           // how many may hold at once; 0: 1
	Delay time.Duration // how long nobody gets the lease after this hold expired or was broken; to 60 s
	Meta  any           // a JSON object of up to 4 KiB that every reader sees, or nil

	// Priority, from -100 to 100, orders the queue before first come, first
	// served. It never ends anybody's hold.
	Priority int

	// Reclaim gives a session that holds the lease already a new token, and so
	// fences off an older self of its process. It needs the session of that. After
	// an UnknownError ask once more: each reclaim may give one more token.
	Reclaim bool

	Holder  string // instead of the Client's
	Session string // instead of the Client's

	// KeepPlace leaves the place in the queue when the wait is over, for whoever
	// asks again with the same session within Error.TicketExpiresIn. Else the
	// queue is left, since the lease may be granted to a place that nobody minds.
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
}

// Acquire takes the lease, or waits for it. Where the session holds it already,
// as another process left it, it renews it and returns the same token. Two leases
// of one name and session exclude each other within a Client: the second waits, or
// is refused, until the first is lost, or given back; only a Reclaim fences it off.
//
// A refusal is an *Error that is ErrNotAcquired. While the wait runs, failures
// that cost nothing are not returned: the session keeps its place and asks again, until
// no node has answered for Config.UnreachableTimeout. If ctx ends while a request waits,
// the session leaves the queue with another one, which takes up to 1 s more.
// Nothing renews the lease until KeepAlive is called.
func (c *Client) Acquire(ctx context.Context, name string, opts AcquireOptions) (*Lease, error) {
	if err := c.prepare(&opts); err != nil {
		return nil, err
	}
	if opts.Reclaim {
		return c.acquire(ctx, name, opts, c.noAnswer)
	}
	start := c.clock()
	leave, err := c.turns.take(ctx, turn{name, opts.Session}, opts.Wait)
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
	l, queued, err := c.campaign(ctx, name, opts, limit)
	if queued && !opts.KeepPlace {
		c.leaveQueue(ctx, name, opts.Session)
		var e *Error
		if errors.As(err, &e) {
			e.forgetPlace()
		}
	}
	return l, err
}

// campaign asks until the lease is had or the wait is over; queued says that the
// session still has a place then.
func (c *Client) campaign(ctx context.Context, name string, opts AcquireOptions, limit time.Duration) (l *Lease, queued bool, err error) {
	start, pause := c.clock(), minPause
	var so heard
	for {
		wait := min(max(opts.Wait-c.clock().since(start), 0), c.piece)
		asked := c.clock()
		l, err = c.acquireOnce(ctx, name, opts, wait, &so)
		queued = keepsPlace(err, queued || wait > 0 && errors.As(err, new(*UnknownError)))
		over := ctx.Err() != nil || c.clock().since(start) >= opts.Wait || c.unreachable(start, limit)
		if err == nil || over || !worthWaiting(err, opts.Reclaim) {
			return l, queued, err
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
			return nil, queued, err
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

// leaveQueue gives up a place that nobody will ask for again; else the lease might
// be granted to it and be held by nobody for a TTL.
func (c *Client) leaveQueue(ctx context.Context, name, session string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	_, _ = c.release(ctx, name, ReleaseOptions{Session: session}) // failed: the place ends by itself in a few seconds
}

// worthWaiting reports whether the lease may yet be had by asking again. A reclaim
// of which nothing is known is not asked for again: a late copy of it would take
// the token of the next.
func worthWaiting(err error, reclaim bool) bool {
	var e *Error
	if errors.As(err, &e) && e.Definitive {
		switch e.Type {
		case TypeHeld, TypeDelayed, TypeQueueFull, TypeTooManyLeases, TypeStateFull, TypeRateLimited:
			return true
		}
	}
	var u *UnknownError
	return errors.As(err, &u) && !reclaim || errors.Is(err, ErrUnavailable)
}

func (c *Client) acquireOnce(ctx context.Context, name string, opts AcquireOptions, wait time.Duration, so *heard) (*Lease, error) {
	if err := c.settle(ctx, turn{name, opts.Session}); err != nil {
		return nil, err
	}
	var g Grant
	body := acquireBody{Holder: opts.Holder, Session: opts.Session, TTL: millis(opts.TTL),
		Meta: opts.Meta, Limit: opts.Limit, Delay: millis(opts.Delay), Priority: opts.Priority, Reclaim: opts.Reclaim}
	sent, err := c.do(ctx, call{
		method:     http.MethodPost,
		path:       leasePath(name, "acquire"),
		out:        &g,
		fits:       func() error { return g.fits(name, 0) },
		repeatable: !opts.Reclaim, // a late copy would take the token of the repeat
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

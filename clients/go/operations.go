package lockd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// RenewOptions identify a hold and what to change about it.
type RenewOptions struct {
	Session string        // instead of the Client's
	Token   uint64        // a condition; 0: any hold of the session
	TTL     time.Duration // 0: no change
	Meta    any           // a JSON object; nil: no change
}

type holdBody struct {
	Session string `json:"session"`
	Token   uint64 `json:"token,omitempty"`
	TTL     Millis `json:"ttl_ms,omitempty"`
	Meta    any    `json:"meta,omitempty"`
	Delay   Millis `json:"delay_ms,omitempty"`
	To      string `json:"to,omitempty"`
	Attempt string `json:"attempt,omitempty"`
}

// Renew renews a hold. It never acquires a lease. It does not keep a local deadline; Lease.Renew
// does.
func (c *Client) Renew(ctx context.Context, name string, opts RenewOptions) (*Grant, error) {
	g, _, err := c.renew(ctx, name, opts, opts.TTL)
	return g, err
}

// renew also returns when the renewal was sent; ttl is the TTL of the hold.
func (c *Client) renew(ctx context.Context, name string, opts RenewOptions, ttl time.Duration) (*Grant, instant, error) {
	g := new(Grant)
	sent, err := c.do(ctx, call{
		method:     http.MethodPost,
		path:       leasePath(name, "renew"),
		body:       holdBody{Session: c.orOwn(opts.Session), Token: opts.Token, TTL: millis(opts.TTL), Meta: opts.Meta},
		out:        g,
		validate:   func() error { return g.validate(name, opts.Token) },
		timeout:    c.attemptTimeout(ttl),
		repeatable: true,
	})
	if err != nil {
		return nil, instant{}, err
	}
	return g, sent, nil
}

// ReleaseOptions identify a hold, or a place in the queue, to release.
type ReleaseOptions struct {
	Session string        // instead of the Client's
	Token   uint64        // a condition; without it a late duplicate may end a later hold of the session
	Delay   time.Duration // how long the lease stays free after the release; up to 60 s

	attempt string // of an acquire, instead of a token
}

// Released is the response to a release: the session does not hold the lease.
type Released struct {
	Name     string `json:"name"`
	WasHeld  bool   `json:"was_held"`
	Ended    string `json:"ended"` // how the hold with the token ended, if it was not held and this is known
	Held     Millis `json:"held_ms"`
	Revision uint64 `json:"revision"`

	repeated bool // an earlier copy of the request may have been applied
}

// Release releases a hold, or leaves the queue. It can be repeated. From the moment it is sent the
// session holds nothing, and the Lease of the hold has ended. It is sent even if ctx has ended, as
// with Lease.Release.
func (c *Client) Release(ctx context.Context, name string, opts ReleaseOptions) (*Released, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	l := c.locks.leaseWithKey(lockKey{name, c.orOwn(opts.Session)})
	if l == nil || opts.Token != 0 && opts.Token != l.Token {
		return c.release(ctx, name, opts)
	}
	l.end(ErrReleased)
	defer l.unlock()
	r, err := c.release(ctx, name, opts)
	if needsRetry(err) {
		c.releaseInBackground(l.key(), pendingRelease{token: l.Token, delay: opts.Delay}, l.Grant().TTL.Duration())
	}
	return r, err
}

// release sends the release. It does not end a Lease.
func (c *Client) release(ctx context.Context, name string, opts ReleaseOptions) (*Released, error) {
	r, errs := new(releasedBody), new(attemptErrors)
	_, err := c.do(ctx, call{
		method:     http.MethodPost,
		path:       leasePath(name, "release"),
		body:       holdBody{Session: c.orOwn(opts.Session), Token: opts.Token, Delay: millis(opts.Delay), Attempt: opts.attempt},
		out:        r,
		validate:   r.validate,
		errs:       errs,
		timeout:    c.attemptTimeout(0),
		repeatable: true,
	})
	if err != nil {
		return nil, releaseError(err)
	}
	r.Released.WasHeld, r.repeated = *r.WasHeld, errs.maybeApplied
	return &r.Released, nil
}

// releasedBody is the JSON of Released, with a was_held that may be missing.
type releasedBody struct {
	Released
	WasHeld *bool `json:"was_held"`
}

func (r *releasedBody) validate() error {
	if r.WasHeld == nil {
		return fmt.Errorf("%w: was_held", errMissing)
	}
	return nil
}

// loss returns what the first release of a hold means for the work under it: nil, an error that
// matches ErrLost, or an *UnknownError.
func (r *Released) loss() error {
	switch {
	case r.WasHeld, r.Ended == "released", r.Ended == "transferred":
		return nil
	case r.Ended != "":
		return fmt.Errorf("%w: the hold had ended before the release (%s)", ErrLost, r.Ended)
	case !r.repeated:
		return fmt.Errorf("%w: the hold had ended before the release", ErrLost)
	}
	return &UnknownError{Err: errEnded}
}

// errEnded is the outcome of a repeated release that found no hold.
var errEnded = errors.New("the lease is released; whether it was lost before is not known")

// TransferOptions identify a hold and the waiter that receives it.
type TransferOptions struct {
	Session string // instead of the Client's
	Token   uint64 // a condition; without it the call is not repeated after an unknown outcome
	To      string // the holder label of a waiter
}

// Transferred is the response to a transfer.
type Transferred struct {
	Name     string `json:"name"`
	To       string `json:"to"`
	Token    uint64 `json:"token,omitempty"` // of the new hold; 0 if that hold ended before a repeat was answered
	Held     Millis `json:"held_ms"`
	Revision uint64 `json:"revision"`
}

// Transfer transfers a hold to a waiter in one step, without a vacancy. If no waiter has that
// label, the *Error has TypeNoCandidate and nothing has changed.
func (c *Client) Transfer(ctx context.Context, name string, opts TransferOptions) (*Transferred, error) {
	t := new(Transferred)
	_, err := c.do(ctx, call{
		method:     http.MethodPost,
		path:       leasePath(name, "transfer"),
		body:       holdBody{Session: c.orOwn(opts.Session), Token: opts.Token, To: opts.To},
		out:        t,
		timeout:    c.attemptTimeout(0),
		repeatable: opts.Token != 0,
	})
	return orNil(t, err)
}

// BreakOptions identify the hold of another session and the reason to end it.
type BreakOptions struct {
	Token  uint64         // of the hold: a repeat never ends a later hold
	Reason string         // recorded in the history
	Grace  *time.Duration // how long until the lease is free; nil: when the last TTL granted to the holder ends; 0: at once
}

// Broken is the answer to a break: renewals are refused from now on.
type Broken struct {
	Name        string `json:"name"`
	Token       uint64 `json:"token"`
	AvailableIn Millis `json:"available_in_ms"`
	Revision    uint64 `json:"revision"`
}

type breakBody struct {
	Token  uint64  `json:"token"`
	Reason string  `json:"reason"`
	Grace  *Millis `json:"grace_ms,omitempty"`
}

// Break ends the hold of another session.
func (c *Client) Break(ctx context.Context, name string, opts BreakOptions) (*Broken, error) {
	body := breakBody{Token: opts.Token, Reason: opts.Reason}
	if opts.Grace != nil {
		grace := millis(*opts.Grace)
		body.Grace = &grace
	}
	b := new(Broken)
	_, err := c.do(ctx, call{
		method:     http.MethodPost,
		path:       leasePath(name, "break"),
		body:       body,
		out:        b,
		timeout:    c.attemptTimeout(0),
		repeatable: true,
	})
	return orNil(b, err)
}

func (c *Client) orOwn(session string) string {
	if session == "" {
		return c.session
	}
	return session
}

// orNil returns v if err is nil, else nil.
func orNil[T any](v *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

package lockd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// RenewOptions name a hold and what to change of it.
type RenewOptions struct {
	Session string        // instead of the Client's
	Token   uint64        // a condition; 0: whichever hold the session has
	TTL     time.Duration // 0: as it is
	Meta    any           // a JSON object; nil: as it is
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

// Renew keeps a hold, and never takes one. It is the bare call; Lease.Renew keeps
// the local deadline, too.
func (c *Client) Renew(ctx context.Context, name string, opts RenewOptions) (*Grant, error) {
	g, _, err := c.renew(ctx, name, opts, opts.TTL)
	return g, err
}

// renew returns when the renewal was sent, too; ttl is that of the hold.
func (c *Client) renew(ctx context.Context, name string, opts RenewOptions, ttl time.Duration) (*Grant, instant, error) {
	g := new(Grant)
	sent, err := c.do(ctx, call{
		method:     http.MethodPost,
		path:       leasePath(name, "renew"),
		body:       holdBody{Session: c.orOwn(opts.Session), Token: opts.Token, TTL: millis(opts.TTL), Meta: opts.Meta},
		out:        g,
		fits:       func() error { return g.fits(name, opts.Token) },
		timeout:    c.attemptTimeout(ttl),
		repeatable: true,
	})
	if err != nil {
		return nil, instant{}, err
	}
	return g, sent, nil
}

// ReleaseOptions name a hold, or a place in the queue, to give back.
type ReleaseOptions struct {
	Session string        // instead of the Client's
	Token   uint64        // a condition; without it a late duplicate may end a later hold of the session
	Delay   time.Duration // how long nobody gets the lease after it; to 60 s

	attempt string // of an acquire, instead of a token
}

// Released is the answer to a release: you do not hold it.
type Released struct {
	Name     string `json:"name"`
	WasHeld  bool   `json:"was_held"`
	Ended    string `json:"ended"` // how the hold by the token had ended, if it was not held and that is known
	Held     Millis `json:"held_ms"`
	Revision uint64 `json:"revision"`

	repeated bool // an earlier copy of the request may have been applied
}

// Release gives a hold back, or leaves the queue. It may be repeated. From the
// moment it is sent the session holds nothing, and a Lease of it has ended. It is sent
// even if ctx has ended, as Lease.Release is.
func (c *Client) Release(ctx context.Context, name string, opts ReleaseOptions) (*Released, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	l := c.turns.leaseAt(turn{name, c.orOwn(opts.Session)})
	if l == nil || opts.Token != 0 && opts.Token != l.Token {
		return c.release(ctx, name, opts)
	}
	l.end(ErrReleased)
	defer l.leave()
	r, err := c.release(ctx, name, opts)
	if pending(err) {
		c.owe(l.turn(), debt{token: l.Token, delay: opts.Delay}, l.Grant().TTL.Duration())
	}
	return r, err
}

// release is Release on the wire alone.
func (c *Client) release(ctx context.Context, name string, opts ReleaseOptions) (*Released, error) {
	r, so := new(releasedBody), new(heard)
	_, err := c.do(ctx, call{
		method:     http.MethodPost,
		path:       leasePath(name, "release"),
		body:       holdBody{Session: c.orOwn(opts.Session), Token: opts.Token, Delay: millis(opts.Delay), Attempt: opts.attempt},
		out:        r,
		fits:       r.fits,
		so:         so,
		timeout:    c.attemptTimeout(0),
		repeatable: true,
	})
	if err != nil {
		return nil, outcome(err)
	}
	r.Released.WasHeld, r.repeated = *r.WasHeld, so.doubted
	return &r.Released, nil
}

// releasedBody is a node's answer to a release.
type releasedBody struct {
	Released
	WasHeld *bool `json:"was_held"`
}

func (r *releasedBody) fits() error {
	if r.WasHeld == nil {
		return errors.New("it does not say was_held")
	}
	return nil
}

// loss says what the answer to the first release of a hold means for the work under it:
// nil, an error that is ErrLost, or an *UnknownError.
func (r *Released) loss() error {
	switch {
	case r.WasHeld, r.Ended == "released", r.Ended == "transferred":
		return nil
	case r.Ended != "":
		return fmt.Errorf("%w: it had ended before the release (%s)", ErrLost, r.Ended)
	case !r.repeated:
		return fmt.Errorf("%w: it had ended before the release", ErrLost)
	}
	return &UnknownError{Err: errEnded}
}

// errEnded is what is known after a release that was repeated and found nothing.
var errEnded = errors.New("the lease is released; whether it was lost before is not known")

// TransferOptions name a hold and who shall have it.
type TransferOptions struct {
	Session string // instead of the Client's
	Token   uint64 // a condition; without it the call is not repeated once its outcome is unknown
	To      string // the holder label of a waiter
}

// Transferred is the answer to a transfer.
type Transferred struct {
	Name     string `json:"name"`
	To       string `json:"to"`
	Token    uint64 `json:"token,omitempty"` // of the new hold; 0 where that had ended before a repeat was answered
	Held     Millis `json:"held_ms"`
	Revision uint64 `json:"revision"`
}

// Transfer hands a hold to a waiter in one step, with no vacancy. Where nobody of
// that label waits the *Error has TypeNoCandidate, and nothing changed.
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

// BreakOptions name somebody's hold and say why it shall end.
type BreakOptions struct {
	Token  uint64         // of the hold: a repeat never hits a successor
	Reason string         // stands in the history
	Grace  *time.Duration // until the lease is free; nil: when the holder's last promise ends; 0: at once
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

// Break ends somebody's hold.
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

// orNil returns v only where nothing failed.
func orNil[T any](v *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

package lockd

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"
)

// AcquireAllOptions say how several leases are wanted. The zero value asks for
// leases of 15 s.
type AcquireAllOptions struct {
	TTL  time.Duration // 1 s to 24 h; 0: 15 s
	Meta any           // a JSON object of up to 4 KiB that every reader sees, or nil

	Holder  string // instead of the Client's
	Session string // instead of the Client's
}

type acquireAllBody struct {
	Names   []string `json:"names"`
	Holder  string   `json:"holder"`
	Session string   `json:"session"`
	TTL     Millis   `json:"ttl_ms,omitempty"`
	Meta    any      `json:"meta,omitempty"`
	Attempt string   `json:"attempt"`
}

// grants is a node's answer to an acquire of several names.
type grants struct {
	Grant
	Leases []struct {
		Name     string    `json:"name"`
		Token    uint64    `json:"token"`
		Slot     int       `json:"slot"`
		StepDown *StepDown `json:"step_down"`
		Previous *Previous `json:"previous"`
	} `json:"leases"`
}

// each returns the answer about one of the names.
func (g grants) each(i int) Grant {
	one, l := g.Grant, g.Leases[i]
	one.Name, one.Token, one.Slot, one.StepDown, one.Previous = l.Name, l.Token, l.Slot, l.StepDown, l.Previous
	return one
}

// AcquireAll takes up to 64 leases in one step, or none of them, and never waits.
// They are returned in the order of names, each with a token of its own. Where
// the session holds some of them already, those are renewed with the others.
//
// A refusal is an *Error that is ErrNotAcquired; its Leases stood in the way.
func (c *Client) AcquireAll(ctx context.Context, names []string, opts AcquireAllOptions) ([]*Lease, error) {
	if err := c.checkTTL(opts.TTL); err != nil {
		return nil, err
	}
	if opts.Holder == "" {
		opts.Holder = c.holder
	}
	opts.Session = c.orOwn(opts.Session)
	leave, err := c.takeAll(ctx, names, opts.Session)
	if err != nil {
		return nil, err
	}
	var g grants
	attempt, so := newAttempt(), new(heard)
	sent, err := c.do(ctx, call{
		method: http.MethodPost,
		path:   "/v1/acquire",
		body: acquireAllBody{
			Names: names, Holder: opts.Holder, Session: opts.Session, TTL: millis(opts.TTL), Meta: opts.Meta, Attempt: attempt,
		},
		out:        &g,
		fits:       func() error { return g.fits(names) },
		timeout:    c.attemptTimeout(opts.TTL),
		repeatable: true,
		so:         so,
	})
	if err != nil {
		if so.doubted || errors.As(err, new(*UnknownError)) {
			c.abandonAll(attempt, names, opts)
		}
		leaveAll(leave)
		return nil, err
	}
	leases := make([]*Lease, len(g.Leases))
	for i, name := range names {
		leases[i] = newLease(c, name, opts.Session, g.each(i), sent, opts.TTL)
		c.turns.until(leases[i], leave[i])
	}
	return leases, nil
}

// abandonAll gives up what an acquire of several names may have left.
func (c *Client) abandonAll(attempt string, names []string, opts AcquireAllOptions) {
	var all []turn
	for _, name := range names {
		all = append(all, turn{name, opts.Session})
	}
	c.abandon(attempt, cmp.Or(opts.TTL, defaultTTL)+c.attemptTimeout(opts.TTL), all...)
}

// takeAll takes the turns of all names, or of none, and returns how each ends.
func (c *Client) takeAll(ctx context.Context, names []string, session string) (leave []func(), err error) {
	for _, name := range names {
		one, err := c.turns.take(ctx, turn{name, session}, 0)
		if err == nil {
			leave = append(leave, one)
			err = c.settle(ctx, turn{name, session})
		}
		if err != nil {
			leaveAll(leave)
			return nil, err
		}
	}
	return leave, nil
}

func leaveAll(leave []func()) {
	for _, one := range leave {
		one()
	}
}

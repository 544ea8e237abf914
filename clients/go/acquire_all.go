package lockd

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"
)

// AcquireAllOptions are the options of AcquireAll. The zero value asks for leases of 15 s.
type AcquireAllOptions struct {
	TTL  time.Duration // 1 s to 24 h; 0: 15 s
	Meta any           // a JSON object of up to 4 KiB that every reader can see, or nil

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

// grantSet is the response to an acquire of several names.
type grantSet struct {
	Grant
	Leases []struct {
		Name     string    `json:"name"`
		Token    uint64    `json:"token"`
		Slot     int       `json:"slot"`
		StepDown *StepDown `json:"step_down"`
		Previous *Previous `json:"previous"`
	} `json:"leases"`
}

// grant returns the grant of the i-th name.
func (g grantSet) grant(i int) Grant {
	one, l := g.Grant, g.Leases[i]
	one.Name, one.Token, one.Slot, one.StepDown, one.Previous = l.Name, l.Token, l.Slot, l.StepDown, l.Previous
	return one
}

// AcquireAll acquires up to 64 leases in one step, or none of them. It never waits. It returns the
// leases in the order of names, each with its own token. If the session already holds some of them,
// they are renewed with the others.
//
// A refusal is an *Error that matches ErrNotAcquired. Its Leases are the leases that could not be
// acquired.
func (c *Client) AcquireAll(ctx context.Context, names []string, opts AcquireAllOptions) ([]*Lease, error) {
	if err := c.checkTTL(opts.TTL); err != nil {
		return nil, err
	}
	if opts.Holder == "" {
		opts.Holder = c.holder
	}
	opts.Session = c.orOwn(opts.Session)
	unlocks, err := c.lockAll(ctx, names, opts.Session)
	if err != nil {
		return nil, err
	}
	var g grantSet
	attempt, errs := newAttempt(), new(attemptErrors)
	sent, err := c.do(ctx, call{
		method: http.MethodPost,
		path:   "/v1/acquire",
		body: acquireAllBody{
			Names: names, Holder: opts.Holder, Session: opts.Session, TTL: millis(opts.TTL), Meta: opts.Meta, Attempt: attempt,
		},
		out:        &g,
		validate:   func() error { return g.validate(names) },
		timeout:    c.attemptTimeout(opts.TTL),
		repeatable: true,
		errs:       errs,
	})
	if err != nil {
		if errs.maybeApplied || errors.As(err, new(*UnknownError)) {
			c.releaseAttemptAll(attempt, names, opts)
		}
		unlockAll(unlocks)
		return nil, err
	}
	leases := make([]*Lease, len(g.Leases))
	for i, name := range names {
		leases[i] = newLease(c, name, opts.Session, g.grant(i), sent, opts.TTL)
		c.locks.unlockWith(leases[i], unlocks[i])
	}
	return leases, nil
}

// releaseAttemptAll releases what an acquire of several names may have left.
func (c *Client) releaseAttemptAll(attempt string, names []string, opts AcquireAllOptions) {
	var keys []lockKey
	for _, name := range names {
		keys = append(keys, lockKey{name, opts.Session})
	}
	c.releaseAttempt(attempt, cmp.Or(opts.TTL, defaultTTL)+c.attemptTimeout(opts.TTL), keys...)
}

// lockAll takes the local locks of all names, or of none, and returns how to unlock each.
func (c *Client) lockAll(ctx context.Context, names []string, session string) (unlocks []func(), err error) {
	for _, name := range names {
		unlock, err := c.locks.lock(ctx, lockKey{name, session}, 0)
		if err == nil {
			unlocks = append(unlocks, unlock)
			err = c.finishPendingRelease(ctx, lockKey{name, session})
		}
		if err != nil {
			unlockAll(unlocks)
			return nil, err
		}
	}
	return unlocks, nil
}

func unlockAll(unlocks []func()) {
	for _, unlock := range unlocks {
		unlock()
	}
}

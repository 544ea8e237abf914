package lockd

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Held identifies one hold of a session.
type Held struct {
	Name  string `json:"name"`
	Token uint64 `json:"token"`
}

// SessionLeases are the leases that a session holds at Revision. A missing lease is lost only if
// its token is not above Revision.
type SessionLeases struct {
	Leases   []SessionLease `json:"leases"`
	Waited   Millis         `json:"waited_ms"`
	Revision uint64         `json:"revision"`
}

// A SessionLease is one lease of a renewal of several leases.
type SessionLease struct {
	Name      string    `json:"name"`
	Token     uint64    `json:"token"`
	ExpiresIn Millis    `json:"expires_in_ms"`
	StepDown  *StepDown `json:"step_down,omitempty"`
	Deadline  time.Time `json:"-"` // local, as in Lease.Deadline
}

// SessionReleased lists the released holds of a session, and the queues that it left.
type SessionReleased struct {
	Released []Held   `json:"released"`
	Left     []string `json:"left"`
	Revision uint64   `json:"revision"`
}

type sessionBody struct {
	Session string `json:"session"`
	Leases  []Held `json:"leases,omitempty"`
}

// RenewSession renews all leases that the Client holds, or only the given ones: those of its own
// session in one call, and the sessions of further leases with a Limit above 1 in one more call
// each. If none of them holds anything, the *Error has TypeNotHolder. Revision is the lowest of the
// responses.
func (c *Client) RenewSession(ctx context.Context, just ...Held) (*SessionLeases, error) {
	all, refused := (*SessionLeases)(nil), error(nil)
	for session, held := range c.locks.bySession(c.session, just) {
		s, _, err := c.renewSession(ctx, session, held, 0)
		var e *Error
		switch {
		case errors.As(err, &e) && e.Type == TypeNotHolder:
			refused = err
		case err != nil:
			return nil, err
		case all == nil:
			all = s
		default:
			all.Leases = append(all.Leases, s.Leases...)
			all.Waited, all.Revision = max(all.Waited, s.Waited), min(all.Revision, s.Revision)
		}
	}
	if all == nil {
		return nil, refused
	}
	return all, nil
}

// renewSession also returns when the renewal was sent; ttl is the shortest TTL of the holds.
func (c *Client) renewSession(ctx context.Context, session string, just []Held, ttl time.Duration) (*SessionLeases, instant, error) {
	s := new(SessionLeases)
	sent, err := c.do(ctx, call{
		method:     http.MethodPost,
		path:       "/v1/sessions/renew",
		body:       sessionBody{Session: session, Leases: just},
		out:        s,
		validate:   s.validate,
		timeout:    c.attemptTimeout(ttl),
		repeatable: true,
	})
	if err != nil {
		return nil, instant{}, err
	}
	for i := range s.Leases {
		l := &s.Leases[i]
		l.Deadline = sent.at.Add(validity(Grant{Waited: s.Waited, ExpiresIn: l.ExpiresIn}, c.clock().at.Sub(sent.at), maxTTL))
	}
	return s, sent, nil
}

// ReleaseSession releases all leases that the Client holds, and leaves every queue: those of its
// session, and of the sessions of further leases with a Limit above 1. From the moment it is sent
// every Lease of them has ended. An Acquire that waits gets a new place, at the end of the queue.
// The request is sent even if ctx has ended, as with Lease.Release.
func (c *Client) ReleaseSession(ctx context.Context) (*SessionReleased, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	all := new(SessionReleased)
	for _, session := range c.locks.sessions(c.session) {
		r, err := c.releaseSession(ctx, session)
		if err != nil {
			return nil, err
		}
		all.Released = append(all.Released, r.Released...)
		all.Left = append(all.Left, r.Left...)
		all.Revision = max(all.Revision, r.Revision)
	}
	return all, nil
}

func (c *Client) releaseSession(ctx context.Context, session string) (*SessionReleased, error) {
	for _, l := range c.locks.leasesOf(session) {
		l.end(ErrReleased)
		defer l.unlock()
	}
	r := new(SessionReleased)
	_, err := c.do(ctx, call{
		method:     http.MethodPost,
		path:       "/v1/sessions/release",
		body:       sessionBody{Session: session},
		out:        r,
		timeout:    c.attemptTimeout(0),
		repeatable: true,
	})
	return orNil(r, releaseError(err))
}

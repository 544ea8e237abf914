package lockd

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Held names one hold of a session.
type Held struct {
	Name  string `json:"name"`
	Token uint64 `json:"token"`
}

// SessionLeases is what a session holds, as of Revision: a lease that is missing
// is lost only where its token is not above that.
type SessionLeases struct {
	Leases   []SessionLease `json:"leases"`
	Waited   Millis         `json:"waited_ms"`
	Revision uint64         `json:"revision"`
}

// A SessionLease is one lease that was renewed together with others.
type SessionLease struct {
	Name      string    `json:"name"`
	Token     uint64    `json:"token"`
	ExpiresIn Millis    `json:"expires_in_ms"`
	StepDown  *StepDown `json:"step_down,omitempty"`
	Deadline  time.Time `json:"-"` // local, as Lease.Deadline
}

// SessionReleased is what a session gave back, and which queues it left.
type SessionReleased struct {
	Released []Held   `json:"released"`
	Left     []string `json:"left"`
	Revision uint64   `json:"revision"`
}

type sessionBody struct {
	Session string `json:"session"`
	Leases  []Held `json:"leases,omitempty"`
}

// RenewSession renews all that the Client holds, or just these: its own session in one call,
// and in one more each the sessions of further leases with a Limit above 1. If none of them
// holds anything, the *Error has TypeNotHolder. Revision is the lowest of the answers.
func (c *Client) RenewSession(ctx context.Context, just ...Held) (*SessionLeases, error) {
	all, refused := (*SessionLeases)(nil), error(nil)
	for session, held := range c.turns.bySession(c.session, just) {
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

// renewSession returns when the renewal was sent, too; ttl is the shortest of the
// holds.
func (c *Client) renewSession(ctx context.Context, session string, just []Held, ttl time.Duration) (*SessionLeases, instant, error) {
	s := new(SessionLeases)
	sent, err := c.do(ctx, call{
		method:     http.MethodPost,
		path:       "/v1/sessions/renew",
		body:       sessionBody{Session: session, Leases: just},
		out:        s,
		fits:       s.fits,
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

// ReleaseSession gives back all that the Client holds, and leaves every queue: by its
// session, and by the sessions of further leases with a Limit above 1. From the moment it
// is sent every Lease of them has ended; an Acquire that waits asks for a new place, at
// the end of the queue. It is sent even if ctx has ended, as Lease.Release is.
func (c *Client) ReleaseSession(ctx context.Context) (*SessionReleased, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	all := new(SessionReleased)
	for _, session := range c.turns.sessions(c.session) {
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
	for _, l := range c.turns.leasesOf(session) {
		l.end(ErrReleased)
		defer l.leave()
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
	return orNil(r, outcome(err))
}

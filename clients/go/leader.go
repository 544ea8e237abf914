package lockd

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// A Leader is the holder of a lease, as a quorum confirmed it; with several holders, the first. It
// is for information: only a holder's own Lease shows that it holds the lease.
type Leader struct {
	Holder string // "": no holder
	Token  uint64
	Meta   json.RawMessage

	clock clock
	sent  instant       // when the request was sent
	valid time.Duration // duration since sent; 0 if there is no holder
}

// Leader returns the holder of a lease. A lease without a holder is not an error.
func (c *Client) Leader(ctx context.Context, name string) (*Leader, error) {
	var s State
	sent, err := c.do(ctx, call{method: http.MethodGet, path: leasePath(name, ""), out: &s,
		validate: func() error { return s.validateFor(name) }, timeout: c.attemptTimeout(0), repeatable: true})
	if err != nil {
		return nil, err
	}
	l := &Leader{clock: c.clock, sent: sent}
	if len(s.Holders) > 0 {
		first := s.Holders[0]
		l.Holder, l.Token, l.Meta = first.Holder, first.Token, first.Meta
		if first.FreeIn != nil {
			l.valid = subtractMargin(min(*first.FreeIn, Millis(maxTTL/time.Millisecond)).Duration())
		}
	}
	return l, nil
}

// Age returns how long ago the request was sent.
func (l *Leader) Age() time.Duration { return l.clock().since(l.sent) }

// Remaining returns how long the hold lasts at least, unless the holder releases it or an operator
// breaks it. After that the Leader is outdated. Time is counted as in Lease.Remaining.
func (l *Leader) Remaining() time.Duration { return l.valid - l.Age() }

package lockd

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// A Leader is who held a lease, as a quorum confirmed when it was asked; of
// several holders the first. It informs: only a holder's own Lease tells that it
// holds.
type Leader struct {
	Holder string // "": nobody
	Token  uint64
	Meta   json.RawMessage

	clock clock
	sent  instant       // when the question was
	valid time.Duration // counted from sent; 0 where there is nobody
}

// Leader asks who holds a lease. That nobody does is an answer, and no error.
func (c *Client) Leader(ctx context.Context, name string) (*Leader, error) {
	var s State
	sent, err := c.do(ctx, call{method: http.MethodGet, path: leasePath(name, ""), out: &s,
		fits: func() error { return s.isOf(name) }, timeout: c.attemptTimeout(0), repeatable: true})
	if err != nil {
		return nil, err
	}
	l := &Leader{clock: c.clock, sent: sent}
	if len(s.Holders) > 0 {
		first := s.Holders[0]
		l.Holder, l.Token, l.Meta = first.Holder, first.Token, first.Meta
		if first.FreeIn != nil {
			l.valid = lessMargin(min(*first.FreeIn, Millis(maxTTL/time.Millisecond)).Duration())
		}
	}
	return l, nil
}

// Age returns how long ago the question was sent.
func (l *Leader) Age() time.Duration { return l.clock().since(l.sent) }

// Remaining returns for how long the hold lasts at least, unless its holder gives
// it up or an operator takes it: past that the answer says nothing any more. It
// counts as Lease.Remaining does.
func (l *Leader) Remaining() time.Duration { return l.valid - l.Age() }

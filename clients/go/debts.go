package lockd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"
)

// A debt is what a Client gave up without knowing what came of it: the hold with a token,
// or what an attempt to acquire got or may yet get. It is released until that is certain,
// before the same session asks for the lease again. So the next hold has a token and an
// attempt of its own, and no late copy of the release reaches it.
type debt struct {
	token   uint64
	attempt string        // of an acquire; then there is no token
	delay   time.Duration // of the release
	paid    chan struct{} // closed when it is certain, or nothing can be left
	stop    context.CancelFunc
}

// owe records a debt and releases it in the background, for as long as something can be
// left of it.
func (c *Client) owe(who turn, d debt, lasts time.Duration) *debt {
	ctx, cancel := context.WithTimeout(context.Background(), lasts)
	d.paid, d.stop = make(chan struct{}), cancel
	c.turns.owe(who, &d)
	go c.pay(ctx, who, &d)
	return &d
}

func (c *Client) pay(ctx context.Context, who turn, d *debt) {
	defer close(d.paid)
	for pending(c.payOnce(ctx, who, d)) && sleep(ctx, jitter(maxPause)) {
	}
	c.turns.settled(who, d)
}

// pending reports whether a release has to be repeated.
func pending(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.As(err, new(*UnknownError))
}

func (c *Client) payOnce(ctx context.Context, who turn, d *debt) error {
	opts := ReleaseOptions{Session: who.session, Token: d.token, Delay: d.delay, attempt: d.attempt}
	_, err := c.release(ctx, who.name, opts)
	if errors.Is(err, ErrLost) {
		return nil
	}
	return err
}

// settle pays a debt before the same session asks for the lease again.
func (c *Client) settle(ctx context.Context, who turn) error {
	d := c.turns.owes(who)
	if d == nil {
		return nil
	}
	if err := c.payOnce(ctx, who, d); err != nil {
		return err
	}
	c.turns.settled(who, d)
	return nil
}

// abandon gives up what an acquire that failed may have left, and reports whether that is
// certain. It waits for at most leaveTimeout; after that it goes on in the background.
func (c *Client) abandon(attempt string, lasts time.Duration, all ...turn) bool {
	debts := make([]*debt, len(all))
	for i, who := range all {
		debts[i] = c.owe(who, debt{attempt: attempt}, lasts)
	}
	over := time.NewTimer(leaveTimeout)
	defer over.Stop()
	for _, d := range debts {
		select {
		case <-d.paid:
		case <-over.C:
			return false
		}
	}
	return true
}

// newAttempt names one call of Acquire, for all its requests.
func newAttempt() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

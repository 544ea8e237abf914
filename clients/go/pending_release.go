package lockd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// A pendingRelease is a release whose outcome is not known yet: of the hold with a token, or of
// what an attempt to acquire got or may still get. The Client repeats it until the outcome is
// certain, and before the same session acquires the lease again. So the next hold has its own token
// and attempt, and a late copy of the release does not end it.
type pendingRelease struct {
	token   uint64
	attempt string        // ID of an acquire; then there is no token
	delay   time.Duration // of the release
	denied  bool          // it was refused for its credentials: only the next acquire repeats it; final when done is closed
	done    chan struct{} // closed when it is not repeated in the background any more
	stop    context.CancelFunc
}

// releaseInBackground adds a pending release and repeats it in the background, until a node refuses
// it for its credentials: nodes count such requests. It is removed after lasts, when nothing can be
// left.
func (c *Client) releaseInBackground(key lockKey, p pendingRelease, lasts time.Duration) *pendingRelease {
	ctx, cancel := context.WithTimeout(context.Background(), lasts)
	p.done, p.stop = make(chan struct{}), cancel
	c.locks.addPending(key, &p)
	go c.releaseUntilDone(ctx, key, &p)
	return &p
}

func (c *Client) releaseUntilDone(ctx context.Context, key lockKey, p *pendingRelease) {
	for !p.denied {
		err := c.tryPendingRelease(ctx, key, p)
		p.denied = isDenied(err)
		if !needsRetry(err) || !sleep(ctx, jitter(maxPause)) {
			break
		}
	}
	close(p.done)
	if p.denied {
		context.AfterFunc(ctx, func() { c.locks.removePending(key, p) })
		return
	}
	c.locks.removePending(key, p)
}

// Close waits until every pending release has an outcome that is certain, or was refused for its
// credentials, or until ctx ends; then the error has the number of the others, whose leases may be
// held until their TTL ends. Call it before the process ends. The Client can still be used
// afterwards.
func (c *Client) Close(ctx context.Context) error {
	pending := 0
	for _, p := range c.locks.allPending() {
		select {
		case <-p.done:
		case <-ctx.Done():
			pending++
		}
	}
	if pending > 0 {
		return fmt.Errorf("lockd: %d leases may be held until their TTL ends: their releases were not confirmed: %w",
			pending, context.Cause(ctx))
	}
	return nil
}

// needsRetry reports whether a release that failed with err must be repeated in the background.
func needsRetry(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.As(err, new(*UnknownError))
}

func (c *Client) tryPendingRelease(ctx context.Context, key lockKey, p *pendingRelease) error {
	opts := ReleaseOptions{Session: key.session, Token: p.token, Delay: p.delay, attempt: p.attempt}
	_, err := c.release(ctx, key.name, opts)
	if errors.Is(err, ErrLost) {
		return nil
	}
	return err
}

// finishPendingRelease completes a pending release before the same session acquires the lease
// again.
func (c *Client) finishPendingRelease(ctx context.Context, key lockKey) error {
	p := c.locks.pendingRelease(key)
	if p == nil {
		return nil
	}
	if err := c.tryPendingRelease(ctx, key, p); err != nil {
		return err
	}
	c.locks.removePending(key, p)
	return nil
}

// releaseAttempt releases what a failed acquire may have left, and reports whether the outcome is
// certain. It waits up to abandonTimeout; after that it continues in the background.
func (c *Client) releaseAttempt(attempt string, lasts time.Duration, keys ...lockKey) bool {
	releases := make([]*pendingRelease, len(keys))
	for i, key := range keys {
		releases[i] = c.releaseInBackground(key, pendingRelease{attempt: attempt}, lasts)
	}
	over := time.NewTimer(abandonTimeout)
	defer over.Stop()
	certain := true
	for _, p := range releases {
		select {
		case <-p.done:
			certain = certain && !p.denied
		case <-over.C:
			return false
		}
	}
	return certain
}

// newAttempt returns the ID of one call of Acquire. All its requests carry it.
func newAttempt() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

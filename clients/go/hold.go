package lockd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Margins by which the local deadline is earlier than the end of the granted time.
const (
	minMargin     = 50 * time.Millisecond
	marginDivisor = 50 // 2 %
)

// errDeadline is the cause of a lease that was not renewed in time.
var errDeadline = fmt.Errorf("%w: the local deadline passed", ErrLost)

// A Lease is one hold on a name. It is safe for concurrent use.
type Lease struct {
	Name     string
	Holder   string
	Session  string
	Token    uint64    // fencing token: pass it to the resource that the lease protects
	Slot     int       // 0 to limit-1: a shard number
	Previous *Previous // how the last hold ended; nil if there was none, or it is not known

	c      *Client
	ctx    context.Context // ends once, with the cause
	end    context.CancelCauseFunc
	keep   sync.Once
	wanted func() bool // whether to renew; set by KeepAliveWhile
	unlock func()      // releases the local lock of the acquire

	// mu guards the fields below. It is never held across I/O.
	mu           sync.Mutex
	grant        Grant
	sent         instant       // when the request of grant was sent
	valid        time.Duration // duration since sent; the margin is already subtracted
	transferring int           // transfers in progress: the lease counts as not held

	changing     int           // changes of the TTL in progress
	changedAt    time.Time     // when the last change was answered
	least        time.Duration // smallest TTL of the changes in progress and of those with unknown outcome
	leastUnknown time.Duration // smallest TTL of the changes with unknown outcome
	ttl          time.Duration // largest TTL that was requested and may be in force
	overlapping  bool          // several changes of the TTL are in progress together
	extended     chan struct{} // closed by extend

	stepDown     chan struct{} // closed by noteStepDown
	stepDownSeen bool
}

// newLease returns the Lease of a grant; ttl is the requested TTL, or 0.
func newLease(c *Client, name, session string, g Grant, sent instant, ttl time.Duration) *Lease {
	l := &Lease{Name: name, Holder: g.Holder, Session: session, Token: g.Token, Slot: g.Slot, Previous: g.Previous,
		c: c, unlock: func() {}, grant: g, sent: sent, ttl: cmp.Or(ttl, defaultTTL), least: maxTTL, leastUnknown: maxTTL, stepDown: make(chan struct{}), extended: make(chan struct{})}
	l.valid = l.validity(g, sent)
	// With the key a caller that waits for its own lease is recognized.
	l.ctx, l.end = context.WithCancelCause(context.WithValue(context.Background(), l.key(), c))
	l.noteStepDown(g.StepDown)
	return l
}

// validity returns how long a grant is valid after its request was sent. took is the duration of
// the request and ttl the requested TTL. A node cannot have waited for longer than the request
// took, and cannot grant more than the requested TTL.
func validity(g Grant, took, ttl time.Duration) time.Duration {
	return min(g.Waited.Duration(), max(took, 0)) + subtractMargin(min(g.ExpiresIn.Duration(), ttl))
}

func (l *Lease) validity(g Grant, sent instant) time.Duration {
	return validity(g, l.c.clock().at.Sub(sent.at), l.ttl)
}

func subtractMargin(d time.Duration) time.Duration { return d - max(minMargin, d/marginDivisor) }

// Grant returns the newest response of the cluster about this hold.
func (l *Lease) Grant() Grant {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grant
}

// Remaining returns how long the lease is still valid. Zero or less means: stop. It counts a
// forward jump of the wall clock as elapsed, because it may be a suspension. Call it right before
// an action that must not happen too late.
func (l *Lease) Remaining() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.remaining()
}

// remaining is Remaining; l.mu is held.
func (l *Lease) remaining() time.Duration {
	if l.ctx.Err() != nil || l.transferring > 0 {
		return 0
	}
	return l.valid - l.c.clock().since(l.sent)
}

// Deadline returns the local deadline by this machine's clock: the time at which the request was
// sent, plus the granted duration, minus a margin of 2 % and at least 50 ms.
func (l *Lease) Deadline() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent.at.Add(l.valid)
}

// Extended returns a channel that is closed when a renewal next moves the deadline.
func (l *Lease) Extended() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.extended
}

// Context returns a context that ends with the lease. Its cause matches ErrLost after a definitive
// loss or, if KeepAlive was called, at the local deadline. It matches ErrReleased after Release or
// Transfer. It ends once.
func (l *Lease) Context() context.Context { return l.ctx }

// Renew renews the lease. A loss is an error that matches ErrLost, and it ends Context. After any
// other error the deadline is unchanged.
func (l *Lease) Renew(ctx context.Context) error { return l.Change(ctx, 0, nil) }

// Change renews the lease with another TTL, another meta, or both; 0 and nil leave them unchanged.
// A smaller TTL counts from when it is sent, whatever the outcome. If the outcome stays unknown, no
// later response extends the lease beyond that TTL.
func (l *Lease) Change(ctx context.Context, ttl time.Duration, meta any) (err error) {
	if ttl != 0 {
		if err := l.c.checkTTL(ttl); err != nil {
			return err
		}
	}
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	if ttl != 0 {
		l.shorten(ttl)
		defer func() { l.changeDone(ttl, err) }()
	}
	opts := RenewOptions{Session: l.Session, Token: l.Token, TTL: ttl, Meta: meta}
	g, sent, err := l.c.renew(ctx, l.Name, opts, l.Grant().TTL.Duration())
	if errors.Is(err, ErrLost) {
		l.end(err)
	}
	if err != nil {
		return err
	}
	l.extend(*g, sent, ttl)
	return context.Cause(l.ctx) // a response that arrives too late does not restore the lease
}

// shorten moves the deadline forward for a smaller TTL that is about to be sent. Until changeDone
// nothing renews in the background, because the response to a renewal that was overtaken by the
// change would allow too much time.
func (l *Lease) shorten(ttl time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.overlapping = l.overlapping || l.changing > 0
	l.changing++
	l.least, l.ttl = min(l.least, ttl), max(l.ttl, ttl)
	now := l.c.clock()
	if soon := subtractMargin(ttl); soon < l.valid-now.since(l.sent) {
		l.sent, l.valid = now, soon
	}
}

// changeDone ends a change of the TTL with its outcome. A change with unknown outcome may still be
// applied at any later time.
func (l *Lease) changeDone(ttl time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changedAt = l.c.clock().at
	var u *UnknownError
	if errors.As(err, &u) {
		l.leastUnknown = min(l.leastUnknown, ttl)
	}
	if l.changing--; l.changing == 0 {
		l.least, l.overlapping = l.leastUnknown, false
	}
}

// extend applies the response to a renewal, unless a response to a later request is known. The
// order in which the cluster applied concurrent requests is unknown: a renewal that overlapped a
// change of the TTL may grant too much, and a change grants at most the smallest TTL of those that
// it overlapped. change is the requested TTL, or 0.
func (l *Lease) extend(g Grant, sent instant, change time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	crossed := change == 0 && (l.changing > 0 || sent.at.Before(l.changedAt))
	if crossed || sent.at.Before(l.sent.at) {
		return
	}
	if change != 0 && !l.overlapping {
		l.ttl = change
	}
	l.grant, l.sent, l.valid = g, sent, min(l.validity(g, sent), subtractMargin(l.least))
	close(l.extended)
	l.extended = make(chan struct{})
	l.noteStepDown(g.StepDown)
}

// Release releases the lease. From the moment it is called the lease is not held, whatever the
// outcome, and Context ends with ErrReleased. It can be repeated.
//
// If the node responds that the hold had already ended, the error matches ErrLost: the work was not
// done under the lease. A loss that already ended Context is not reported again.
//
// The release is sent even if ctx has ended, because the context of the work often has. A
// cancellation leaves the release 5 s more. A deadline of ctx that has not passed yet is kept. The
// error reports what is known: ErrUnavailable means that nothing was applied, and an *UnknownError
// that it may be. The release then continues in the background, until a node has answered or the
// TTL has passed. A release that is refused for its credentials is not repeated in the background:
// the lease ends with its TTL, and the next Acquire of the name sends the release again first.
func (l *Lease) Release(ctx context.Context) error { return l.ReleaseAfter(ctx, 0) }

// ReleaseAfter is Release, and keeps the lease free for the delay, up to 60 s. Use it for a minimum
// time between two runs of a job.
func (l *Lease) ReleaseAfter(ctx context.Context, delay time.Duration) error {
	first := l.ctx.Err() == nil
	l.end(ErrReleased)
	defer l.unlock()
	ctx, cancel := detached(ctx)
	defer cancel()
	r, err := l.c.release(ctx, l.Name, ReleaseOptions{Session: l.Session, Token: l.Token, Delay: delay})
	switch {
	case err == nil && first:
		return r.loss()
	case errors.Is(err, ErrLost) && !first:
		return nil
	case needsRetry(err), isDenied(err):
		p := pendingRelease{token: l.Token, delay: delay, denied: isDenied(err)}
		l.c.releaseInBackground(l.key(), p, l.Grant().TTL.Duration())
	}
	return err
}

// Transfer transfers the lease to the first waiter with the holder label to, without a vacancy.
// Stop the work first: from the moment Transfer is called the lease is not held. If the response
// reports that nothing changed, such as TypeNoCandidate, the lease is held again and Context
// continues. Otherwise Context ends with ErrReleased.
func (l *Lease) Transfer(ctx context.Context, to string) error {
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	l.addTransferring(+1)
	defer l.addTransferring(-1)
	_, err := l.c.Transfer(ctx, l.Name, TransferOptions{Session: l.Session, Token: l.Token, To: to})
	var u *UnknownError
	switch {
	case errors.As(err, &u):
		l.c.releaseInBackground(l.key(), pendingRelease{token: l.Token}, l.Grant().TTL.Duration())
		fallthrough
	case err == nil:
		l.end(ErrReleased)
		l.unlock()
	case errors.Is(err, ErrLost):
		l.end(err)
	}
	return err
}

func (l *Lease) key() lockKey { return lockKey{l.Name, l.Session} }

func (l *Lease) addTransferring(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.transferring += n
}

// StepDownRequested returns a channel that is closed after a renewal reported that an operator
// requested a step-down. Grant().StepDown has the receiver.
func (l *Lease) StepDownRequested() <-chan struct{} { return l.stepDown }

// noteStepDown closes the channel of StepDownRequested at the first request; l.mu is held.
func (l *Lease) noteStepDown(req *StepDown) {
	if req != nil && !l.stepDownSeen {
		l.stepDownSeen = true
		close(l.stepDown)
	}
}

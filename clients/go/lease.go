package lockd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Margins by which a holder stops before the promise ends.
const (
	minMargin     = 50 * time.Millisecond
	marginDivisor = 50 // 2 %
)

// errDeadline is how a lease ends that could not be renewed in time.
var errDeadline = fmt.Errorf("%w: the local deadline passed", ErrLost)

// A Lease is a hold on a name. It is safe for concurrent use.
type Lease struct {
	Name     string
	Holder   string
	Session  string
	Token    uint64    // fencing number: give it to what the lease protects
	Slot     int       // 0 to limit-1: a shard number
	Previous *Previous // how the last hold ended; nil where there was none, or it is not known

	c      *Client
	ctx    context.Context // ends once, with the cause
	end    context.CancelCauseFunc
	keep   sync.Once
	wanted func() bool // whether to renew; set by KeepAliveWhile
	leave  func()      // ends the turn in which it was acquired

	// mu guards what follows; never held across I/O.
	mu      sync.Mutex
	grant   Grant
	sent    instant       // when the request behind grant was sent
	valid   time.Duration // counted from sent; the margin is off already
	handing int           // hand-overs under way: meanwhile nothing is held

	changing int           // changes of the TTL under way
	settled  time.Time     // when the last of them was answered
	least    time.Duration // smallest TTL of those under way, and of those in doubt
	doubtful time.Duration // smallest TTL of those in doubt: their outcome is unknown
	ttl      time.Duration // largest TTL that was asked for and may be in force
	crossed  bool          // changes of the TTL are under way together
	extended chan struct{} // closed by extend

	asked    chan struct{} // closed by heed
	wasAsked bool
}

// newLease makes a Lease of a grant; ttl is what was asked for, or 0.
func newLease(c *Client, name, session string, g Grant, sent instant, ttl time.Duration) *Lease {
	l := &Lease{Name: name, Holder: g.Holder, Session: session, Token: g.Token, Slot: g.Slot, Previous: g.Previous,
		c: c, leave: func() {}, grant: g, sent: sent, ttl: cmp.Or(ttl, defaultTTL), least: maxTTL, doubtful: maxTTL, asked: make(chan struct{}), extended: make(chan struct{})}
	l.valid = l.validity(g, sent)
	l.ctx, l.end = context.WithCancelCause(context.Background())
	l.heed(g.StepDown)
	return l
}

// validity returns how long after its request was sent a grant may be relied on, of a
// request that took so long and asked for this TTL. A node cannot have waited for longer
// than the request took, nor promise more than the TTL that was asked for.
func validity(g Grant, took, ttl time.Duration) time.Duration {
	return min(g.Waited.Duration(), max(took, 0)) + lessMargin(min(g.ExpiresIn.Duration(), ttl))
}

func (l *Lease) validity(g Grant, sent instant) time.Duration {
	return validity(g, l.c.clock().at.Sub(sent.at), l.ttl)
}

func lessMargin(d time.Duration) time.Duration { return d - max(minMargin, d/marginDivisor) }

// Grant returns the newest answer of the cluster about this hold.
func (l *Lease) Grant() Grant {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grant
}

// Remaining returns how long the lease may still be relied on: zero or less means
// stop. It counts a forward jump of the wall clock, which may have been a
// suspension, as elapsed; ask it right before what must not happen too late.
func (l *Lease) Remaining() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.remaining()
}

// remaining is Remaining; l.mu is held.
func (l *Lease) remaining() time.Duration {
	if l.ctx.Err() != nil || l.handing > 0 {
		return 0
	}
	return l.valid - l.c.clock().since(l.sent)
}

// Deadline returns the local deadline, on this machine's clock: the time the
// request was sent, what was promised, less a margin of 2 % and at least 50 ms.
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

// Context returns a context that ends with the lease: with a cause that is
// ErrLost at a definitive loss or, once KeepAlive runs, at the local deadline;
// with ErrReleased after Release or Transfer. It ends once.
func (l *Lease) Context() context.Context { return l.ctx }

// Renew keeps the lease. A loss is an error that is ErrLost, and ends Context.
// After any other error the deadline stands as it was.
func (l *Lease) Renew(ctx context.Context) error { return l.Change(ctx, 0, nil) }

// Change renews the lease with another TTL, another meta, or both; 0 and nil
// leave them. A smaller TTL counts from when it is sent, whatever is answered; and
// where nobody knows what came of it, no later answer gives the lease more.
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
		defer func() { l.settle(ttl, err) }()
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
	return context.Cause(l.ctx) // an answer that came too late revives nothing
}

// shorten brings the deadline forward to a smaller TTL that is about to be sent.
// Until it is settled nothing renews in the background: the answer to a renewal
// that was overtaken by the change would promise too much.
func (l *Lease) shorten(ttl time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.crossed = l.crossed || l.changing > 0
	l.changing++
	l.least, l.ttl = min(l.least, ttl), max(l.ttl, ttl)
	now := l.c.clock()
	if soon := lessMargin(ttl); soon < l.valid-now.since(l.sent) {
		l.sent, l.valid = now, soon
	}
}

// settle ends a change of the TTL with what came of it. One of unknown outcome
// may arrive at any time after.
func (l *Lease) settle(ttl time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settled = l.c.clock().at
	var u *UnknownError
	if errors.As(err, &u) {
		l.doubtful = min(l.doubtful, ttl)
	}
	if l.changing--; l.changing == 0 {
		l.least, l.crossed = l.doubtful, false
	}
}

// extend takes a renewal's answer, unless that of a later request is known. Of
// requests that were under way together nobody knows which came first: a renewal
// that crossed a change of the TTL may promise what no longer counts, and a change
// gives no more than the least of those that it crossed. change is the TTL that was
// asked for, or 0.
func (l *Lease) extend(g Grant, sent instant, change time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	crossed := change == 0 && (l.changing > 0 || sent.at.Before(l.settled))
	if crossed || sent.at.Before(l.sent.at) {
		return
	}
	if change != 0 && !l.crossed {
		l.ttl = change
	}
	l.grant, l.sent, l.valid = g, sent, min(l.validity(g, sent), lessMargin(l.least))
	close(l.extended)
	l.extended = make(chan struct{})
	l.heed(g.StepDown)
}

// Release gives the lease back. From the moment it is called the lease is not
// held, whatever comes of it; Context ends with ErrReleased. It may be repeated.
//
// If the node answers that the hold had ended before, the error is ErrLost: the work was
// not done under the lease. A loss that ended Context before is not reported again.
//
// The release is sent even if ctx has ended, as that of the work often has: a
// cancellation leaves it 5 s more. A deadline of ctx that has not passed yet is kept. An
// error says what is known: ErrUnavailable means that nothing was applied, and an
// *UnknownError that it may be. The release goes on in the background then, until a node
// has answered or the TTL has passed.
func (l *Lease) Release(ctx context.Context) error { return l.ReleaseAfter(ctx, 0) }

// ReleaseAfter is Release, and keeps everybody from the lease for the delay, up
// to 60 s: the shortest time between two runs of a job, say.
func (l *Lease) ReleaseAfter(ctx context.Context, delay time.Duration) error {
	first := l.ctx.Err() == nil
	l.end(ErrReleased)
	defer l.leave()
	ctx, cancel := detached(ctx)
	defer cancel()
	r, err := l.c.release(ctx, l.Name, ReleaseOptions{Session: l.Session, Token: l.Token, Delay: delay})
	switch {
	case err == nil && first:
		return r.loss()
	case errors.Is(err, ErrLost) && !first:
		return nil
	case pending(err):
		l.c.owe(l.turn(), debt{token: l.Token, delay: delay}, l.Grant().TTL.Duration())
	}
	return err
}

// Transfer hands the lease to the first waiter with the holder label to, with no
// vacancy. Stop the work first: from the moment it is called the lease is not
// held. Only where the answer says that nothing changed, such as TypeNoCandidate,
// is it held again, and Context goes on; else Context ends with ErrReleased.
func (l *Lease) Transfer(ctx context.Context, to string) error {
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	l.hand(+1)
	defer l.hand(-1)
	_, err := l.c.Transfer(ctx, l.Name, TransferOptions{Session: l.Session, Token: l.Token, To: to})
	var u *UnknownError
	switch {
	case errors.As(err, &u):
		l.c.owe(l.turn(), debt{token: l.Token}, l.Grant().TTL.Duration())
		fallthrough
	case err == nil:
		l.end(ErrReleased)
		l.leave()
	case errors.Is(err, ErrLost):
		l.end(err)
	}
	return err
}

func (l *Lease) turn() turn { return turn{l.Name, l.Session} }

func (l *Lease) hand(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handing += n
}

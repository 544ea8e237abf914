package agent

import (
	"context"
	"errors"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
)

const (
	// checksPerTTL is how often the service is asked how it is, so that one late
	// answer costs no lease.
	checksPerTTL = 6

	// looksPerTTL is how often a quorum is asked who leads, beside each change that
	// a watch tells of.
	looksPerTTL = 3

	releaseTimeout = 5 * time.Second
)

var (
	errIll     = errors.New("the service is not well")
	errUnasked = errors.New("it was not asked yet")
)

// campaign acquires the lease again and again, and keeps it while the service is
// well and nobody asks for it.
func (a *Agent) campaign(ctx context.Context) error {
	for {
		if !a.untilWell(ctx) {
			return context.Cause(ctx)
		}
		l, err := a.acquire(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errIll), errors.Is(err, lockd.ErrUnavailable), errors.As(err, new(*lockd.UnknownError)):
			continue // an agent outlives an outage of the whole cluster
		case err != nil:
			return err
		}
		if err := a.lead(ctx, l); err != nil {
			return err
		}
		a.giveWay(ctx, l)
	}
}

// acquire waits for the lease for as long as the service is well. Each hold has a
// session of its own, so that none goes on with the token of one that was over.
func (a *Agent) acquire(ctx context.Context) (*lockd.Lease, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		if a.until(ctx, func() bool { return a.ill != nil }) {
			cancel(errIll)
		}
	}()
	opts := a.opts.Acquire
	opts.Wait, opts.Session = lockd.Forever, lockd.NewSession()
	l, err := a.client.Acquire(ctx, a.opts.Name, opts)
	if ctx.Err() != nil { // nobody was told of a lease that came so late
		if err == nil {
			a.release(l)
		}
		return nil, context.Cause(ctx)
	}
	return l, err
}

// lead holds the lease until it ends. Who is asked to hand it over, or is not well,
// renews it no more: whoever was told of it may rely on it until its deadline.
func (a *Agent) lead(ctx context.Context, l *lockd.Lease) error {
	a.change(func() { a.lease = l })
	held := l.KeepAliveWhile(func() bool {
		select {
		case <-l.StepDownRequested():
			return false
		default:
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.ill == nil && !a.over
	})
	select {
	case <-held.Done():
		a.change(func() {})
		return nil
	case <-ctx.Done():
	}
	a.end()
	if a.opts.ReleaseAtEnd {
		a.release(l)
	}
	return context.Cause(ctx)
}

// giveWay lets another come forward where somebody asked for a hand-over.
func (a *Agent) giveWay(ctx context.Context, l *lockd.Lease) {
	select {
	case <-l.StepDownRequested():
	default:
		return
	}
	select {
	case <-time.After(a.opts.ComeForward):
	case <-ctx.Done():
	}
}

func (a *Agent) release(l *lockd.Lease) {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	_ = l.Release(ctx) // failed: it ends by itself
}

func (a *Agent) untilWell(ctx context.Context) bool {
	return a.until(ctx, func() bool { return a.ill == nil })
}

// until waits until something holds, which is asked with mu locked; false: ctx
// ended before.
func (a *Agent) until(ctx context.Context, holds func() bool) bool {
	for {
		a.mu.Lock()
		ok, changed := holds(), a.changed
		a.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// checkUp asks the service how it is.
func (a *Agent) checkUp(ctx context.Context) {
	if a.opts.Check == nil {
		return
	}
	every := a.opts.Acquire.TTL / checksPerTTL
	for {
		asking, cancel := context.WithTimeout(ctx, every)
		err := a.opts.Check(asking)
		cancel()
		if ctx.Err() != nil {
			return
		}
		a.change(func() { a.ill = err })
		if !wait(ctx, nil, every) {
			return
		}
	}
}

// observe asks a quorum who leads, from time to time and when something was told.
func (a *Agent) observe(ctx context.Context) {
	for {
		asking, cancel := context.WithTimeout(ctx, a.opts.Acquire.TTL)
		leader, err := a.client.Leader(asking, a.opts.Name)
		cancel()
		if err == nil {
			a.change(func() { a.leader = leader })
		}
		if !wait(ctx, a.told, a.opts.Acquire.TTL/looksPerTTL) {
			return
		}
	}
}

// follow has observe look as soon as a watch tells of a change.
func (a *Agent) follow(ctx context.Context) {
	for ctx.Err() == nil {
		for _, err := range a.client.Watch(ctx, lockd.WatchOptions{Name: a.opts.Name}) {
			if err != nil {
				break
			}
			select {
			case a.told <- struct{}{}:
			default: // it will look anyhow
			}
		}
		wait(ctx, nil, a.opts.Acquire.TTL/looksPerTTL)
	}
}

// wait waits for word or until the time is up; false: ctx ended before.
func wait(ctx context.Context, word <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-word:
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

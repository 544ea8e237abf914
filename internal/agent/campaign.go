package agent

import (
	"context"
	"errors"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
)

const (
	// checksPerTTL is the number of health checks per TTL, so that one late response does not cost
	// the lease.
	checksPerTTL = 6

	// queriesPerTTL is how often per TTL a quorum is asked for the leader, in addition to each
	// change that a watch reports.
	queriesPerTTL = 3

	releaseTimeout = 5 * time.Second
)

var (
	errUnhealthy = errors.New("the service is not healthy")
	errUnchecked = errors.New("it was not checked yet")
)

// campaign acquires the lease again and again. It keeps the lease while the service is healthy and
// no step-down is requested.
func (a *Agent) campaign(ctx context.Context) error {
	for {
		if !a.waitHealthy(ctx) {
			return context.Cause(ctx)
		}
		l, err := a.acquire(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errUnhealthy), errors.Is(err, lockd.ErrUnavailable), errors.As(err, new(*lockd.UnknownError)):
			continue // an agent survives an outage of the whole cluster
		case err != nil:
			return err
		}
		if err := a.lead(ctx, l); err != nil {
			return err
		}
		a.yield(ctx, l)
	}
}

// acquire waits for the lease while the service is healthy. Each hold has its own session, so that
// it never continues with the token of an earlier hold.
func (a *Agent) acquire(ctx context.Context) (*lockd.Lease, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		if a.waitFor(ctx, func() bool { return a.unhealthy != nil }) {
			cancel(errUnhealthy)
		}
	}()
	opts := a.opts.Acquire
	opts.Wait, opts.Session = lockd.Forever, lockd.NewSession()
	l, err := a.client.Acquire(ctx, a.opts.Name, opts)
	if ctx.Err() != nil { // the lease came too late: it was never in the status
		if err == nil {
			a.release(l)
		}
		return nil, context.Cause(ctx)
	}
	return l, err
}

// lead holds the lease until it ends. After a step-down request, or while the service is not
// healthy, it does not renew the lease: the service may rely on the last status until the deadline.
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
		return a.unhealthy == nil && !a.ending
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

// yield waits after a step-down request, so that another candidate can acquire the lease.
func (a *Agent) yield(ctx context.Context, l *lockd.Lease) {
	select {
	case <-l.StepDownRequested():
	default:
		return
	}
	select {
	case <-time.After(a.opts.YieldFor):
	case <-ctx.Done():
	}
}

func (a *Agent) release(l *lockd.Lease) {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	_ = l.Release(ctx) // if it fails, the lease expires
}

func (a *Agent) waitHealthy(ctx context.Context) bool {
	return a.waitFor(ctx, func() bool { return a.unhealthy == nil })
}

// waitFor waits until holds returns true. It calls holds with mu locked. It returns false if ctx
// ended before.
func (a *Agent) waitFor(ctx context.Context, holds func() bool) bool {
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

// checkHealth checks the service periodically.
func (a *Agent) checkHealth(ctx context.Context) {
	if a.opts.Check == nil {
		return
	}
	every := a.opts.Acquire.TTL / checksPerTTL
	for {
		checkCtx, cancel := context.WithTimeout(ctx, every)
		err := a.opts.Check(checkCtx)
		cancel()
		if ctx.Err() != nil {
			return
		}
		a.change(func() { a.unhealthy = err })
		if !wait(ctx, nil, every) {
			return
		}
	}
}

// observe asks a quorum for the leader, periodically and after a notification.
func (a *Agent) observe(ctx context.Context) {
	for {
		checkCtx, cancel := context.WithTimeout(ctx, a.opts.Acquire.TTL)
		leader, err := a.client.Leader(checkCtx, a.opts.Name)
		cancel()
		if err == nil {
			a.change(func() { a.leader = leader })
		}
		if !wait(ctx, a.notified, a.opts.Acquire.TTL/queriesPerTTL) {
			return
		}
	}
}

// follow notifies observe of each change that a watch reports.
func (a *Agent) follow(ctx context.Context) {
	for ctx.Err() == nil {
		for _, err := range a.client.Watch(ctx, lockd.WatchOptions{Name: a.opts.Name}) {
			if err != nil {
				break
			}
			select {
			case a.notified <- struct{}{}:
			default: // a notification is already pending
			}
		}
		wait(ctx, nil, a.opts.Acquire.TTL/queriesPerTTL)
	}
}

// wait waits for a notification, or until d has passed. It returns false if ctx ended before.
func wait(ctx context.Context, notified <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-notified:
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

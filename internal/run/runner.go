package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/waiting"
	"github.com/lockd/lockd/internal/run/guard"
)

const (
	minKillMargin     = 100 * time.Millisecond // time in which a killed process must be dead
	killMarginDivisor = 20                     // of the TTL

	releaseTimeout     = 5 * time.Second
	acquireReleaseWait = time.Second // how long the client's Acquire itself waits for its release
)

// runner is the common part of Lock and Elect.
type runner struct {
	Config
	continueAfterLoss bool         // the command continues after a loss
	status            func(string) // reports the status to the service manager
}

// tryAcquire acquires the lease without a wait, within AttemptTimeout. Each hold has its own session,
// so that it never continues with the token of an earlier hold.
func (r *runner) tryAcquire(ctx context.Context) (*lockd.Lease, error) {
	r.Acquire.Session = lockd.NewSession()
	ctx, cancel := context.WithTimeout(ctx, r.AttemptTimeout)
	defer cancel()
	return r.Client.Acquire(ctx, r.Name, r.Acquire)
}

// wait acquires the lease with a wait that survives outages.
func (r *runner) wait(ctx context.Context, wait time.Duration) (l *lockd.Lease, err error) {
	opts := r.Acquire
	opts.Wait = wait
	if r.Progress == nil {
		return r.Client.Acquire(ctx, r.Name, opts)
	}
	waiting.During(ctx, r.Progress, func() { l, err = r.Client.Acquire(ctx, r.Name, opts) })
	return l, err
}

// reportWait logs why the lease was not acquired at once.
func (r *runner) reportWait(err error) {
	var refused *lockd.Error
	if errors.As(err, &refused) && refused.Lease != nil && refused.Lease.Holder != "" {
		r.verbosef("waiting for %s", refused.Lease.Holder)
		return
	}
	r.verbosef("waiting: %v", console.ErrorText(err))
}

// notAcquired returns the result of a failed acquire. It first waits until what the acquire may have
// acquired is released: within ReleaseTimeout, or for releaseTimeout after a signal.
func (r *runner) notAcquired(err error) Result {
	var by interrupted
	signalled, limit := errors.As(err, &by), r.ReleaseTimeout-acquireReleaseWait
	if signalled {
		limit = releaseTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_ = r.Client.Close(ctx) // after that the lease expires
	if signalled {
		return Result{Code: guard.CodeOf(by.by)}
	}
	if code, ok := CodeOf(err); ok {
		return Result{code, err}
	}
	return Result{guard.CodeFailed, err}
}

// begin starts to renew a lease and reports that it is held.
func (r *runner) begin(l *lockd.Lease, what string) {
	l.KeepAlive()
	r.reportHeld(l, what)
}

func (r *runner) reportHeld(l *lockd.Lease, what string) {
	r.verbosef("%s, with token %d", what, l.Token)
}

// guard runs a command that must not outlive the lease, and returns when all its processes have
// ended.
func (r *runner) guard(command guard.Command, l *lockd.Lease) (guard.Result, error) {
	command.Args, command.Env = withToken(command.Args, l.Token), r.environment(l, true)
	return guard.Run(command, l, guard.Options{
		Watchdog:  r.Watchdog,
		Signals:   r.Signals,
		Margin:    max(minKillMargin, l.Grant().TTL.Duration()/killMarginDivisor),
		Grace:     func(cause error) time.Duration { return r.grace(l, cause) },
		OnLoss:    r.reportLoss,
		Unguarded: r.continueAfterLoss,
	})
}

// grace returns how long the command may still run after a loss. It is 0 unless an operator broke
// the hold and the response has the time at which it is free. That response may be as old as the
// timeout of an attempt, a quarter of the TTL.
func (r *runner) grace(l *lockd.Lease, cause error) time.Duration {
	var refused *lockd.Error
	if !errors.As(cause, &refused) || refused.Type != lockd.TypeBroken || refused.Lease == nil {
		return 0
	}
	for _, h := range refused.Lease.Holders {
		if h.Token == l.Token && h.FreeIn != nil {
			return min(r.Command.KillAfter, h.FreeIn.Duration()-l.Grant().TTL.Duration()/4)
		}
	}
	return 0
}

func (r *runner) reportLoss(cause error, continues bool) {
	after := ""
	if continues {
		after = "; the command continues"
	}
	r.logf("the lease is lost: %v%s", console.ErrorText(cause), after)
}

func (r *runner) logf(format string, args ...any) { r.report(!r.Quiet, format, args...) }

func (r *runner) verbosef(format string, args ...any) {
	r.report(r.Verbose && !r.Quiet, format, args...)
}

// report sends the status to the service manager. If logged is set, it also logs the status.
func (r *runner) report(logged bool, format string, args ...any) {
	status := console.Plain(fmt.Sprintf(format, args...))
	r.status(status)
	if logged {
		fmt.Fprintf(r.Log, "lockd: %s: %s\n", r.Name, status)
	}
}

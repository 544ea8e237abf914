package run

import (
	"cmp"
	"context"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
)

// LockConfig is the configuration of Lock.
type LockConfig struct {
	Config
	Wait              time.Duration // in the queue; 0: no limit
	NoWait            bool          // do not wait in the queue
	NotAcquiredCode   int           // of the result if the lease was not acquired; its error is omitted if Quiet is set
	ContinueAfterLoss bool          // the command continues when the lease is lost
}

// Lock acquires a lease, runs a command while it is held, and releases the lease. It returns when all processes of the
// command have ended. If the lease is lost, the code is CodeLost, whatever the code of the command. The end of ctx ends
// the wait for the lease; a command that runs ends by a signal, by itself, or with the lease.
func Lock(ctx context.Context, cfg LockConfig) Result {
	l := &locker{cfg: cfg}
	l.runner = runner{Config: cfg.Config, continueAfterLoss: cfg.ContinueAfterLoss, status: func(string) {}}
	return l.run(ctx)
}

type locker struct {
	runner
	cfg LockConfig
}

func (l *locker) run(ctx context.Context) Result {
	lease, err := l.interruptible(ctx, l.acquire)
	if err != nil {
		return l.notAcquired(err)
	}
	l.begin(lease, "acquired")
	result, err := l.guard(l.Command, lease)
	lost := l.release(lease, result.Lost)
	switch {
	case err != nil:
		return Failed(err)
	case lost != nil:
		return Result{Code: CodeLost}
	}
	return Result{Code: result.Code}
}

// acquire makes one attempt, which must be answered in time, and then waits.
func (l *locker) acquire(ctx context.Context) (*lockd.Lease, error) {
	lease, err := l.tryAcquire(ctx)
	if !l.cfg.NoWait && hasCode(err, CodeNotAcquired) {
		l.reportWait(err)
		lease, err = l.wait(ctx, cmp.Or(l.cfg.Wait, lockd.Forever))
	}
	return lease, err
}

func (l *locker) notAcquired(err error) Result {
	result := l.runner.notAcquired(err)
	if result.Code != CodeNotAcquired {
		return result
	}
	result.Code = l.cfg.NotAcquiredCode
	if l.Quiet {
		result.Err = nil
	}
	return result
}

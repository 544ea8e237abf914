package run

import (
	"context"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/run/guard"
)

// yieldFor is how long this process waits, after a step-down request, before it campaigns again.
const yieldFor = time.Second

// ElectConfig is the configuration of Elect.
type ElectConfig struct {
	Config
	Once bool // do not campaign again after a loss

	// OnGain is a line for sh that runs under the lease before the command. OnLose is one that runs each time this
	// process has stopped leading, for at most OnLoseTimeout plus KillAfter of the command. "": none.
	OnGain, OnLose string
	OnLoseTimeout  time.Duration
}

// Elect runs a command while this process leads, and campaigns again after a loss. It returns when a command ended by
// itself or could not be run, or when a signal or the end of ctx ended the campaign. A command that runs does not end
// with ctx: it ends by a signal, by itself, or with the lease. Elect reports its status to systemd.
func Elect(ctx context.Context, cfg ElectConfig) Result {
	e := &elector{cfg: cfg}
	if err := e.findShell(); err != nil {
		return Failed(err)
	}
	manager := newNotifier()
	defer manager.end()
	e.runner = runner{Config: cfg.Config, status: manager.setStatus}
	return e.run(ctx)
}

type elector struct {
	runner
	cfg   ElectConfig
	shell string // path of the shell of the hooks
}

func (e *elector) run(ctx context.Context) Result {
	for {
		lease, err := e.interruptible(ctx, e.acquire)
		if err != nil {
			return e.notAcquired(err)
		}
		result, err := e.lead(lease)
		by := e.end(ctx, lease, result.Lost)
		switch {
		case err != nil:
			return Failed(err)
		case result.Lost != nil && e.cfg.Once:
			return Result{Code: CodeLost}
		case e.cfg.Once || result.EndSignal != 0 || !over(lease, result):
			return Result{Code: result.Code}
		}
		if by == nil {
			by = e.yield(ctx)
		}
		if by != nil {
			return e.notAcquired(by)
		}
	}
}

// lead runs on-gain and the command, and returns when both have ended.
func (e *elector) lead(l *lockd.Lease) (guard.Result, error) {
	if e.cfg.OnGain == "" {
		e.begin(l, "leading")
		return e.guard(e.Command, l)
	}
	e.begin(l, "leading: on-gain")
	result, err := e.gain(l)
	if err != nil || result.Lost != nil || result.Code != 0 {
		return result, err
	}
	e.reportHeld(l, "leading")
	return e.guard(e.Command, l)
}

// end releases the lease and runs on-lose. After a loss it does not wait for the release first,
// because the response may take until another process leads. It returns the signal, or the end of
// ctx, that asked this process to end in the meantime; nil: none.
func (e *elector) end(ctx context.Context, l *lockd.Lease, lost error) error {
	if lost == nil {
		_ = e.release(l, nil) // a loss is reported; on-lose runs as usual
		return e.lose(ctx, l)
	}
	var outcome string
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		outcome, err = e.transferOrRelease(l)
	}()
	by := e.lose(ctx, l)
	<-done
	e.reportReleased(outcome, err, lost)
	return by
}

// over reports whether a command ended because the leadership did.
func over(l *lockd.Lease, r guard.Result) bool { return r.Lost != nil || l.Grant().StepDown != nil }

// acquire waits for the lease, even while no node answers.
func (e *elector) acquire(ctx context.Context) (*lockd.Lease, error) {
	lease, err := e.tryAcquire(ctx)
	switch {
	case hasCode(err, CodeNotAcquired):
		e.reportWait(err)
	case hasCode(err, CodeUnreachable) && ctx.Err() == nil:
		e.logf("retrying: %v", console.ErrorText(err))
	default:
		return lease, err
	}
	return e.wait(ctx, lockd.Forever)
}

// yield waits so that another candidate can acquire the lease. It returns the signal, or the end of
// ctx, that asked this process to end in the meantime; nil: none.
func (e *elector) yield(ctx context.Context) error {
	ctx, stop := e.untilInterrupted(ctx)
	select {
	case <-ctx.Done():
	case <-time.After(yieldFor):
	}
	return stop()
}

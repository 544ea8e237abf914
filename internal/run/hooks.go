package run

import (
	"context"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/run/guard"
)

// findShell finds the shell of the hooks before a lease is acquired.
func (e *elector) findShell() (err error) {
	if e.cfg.OnGain != "" || e.cfg.OnLose != "" {
		e.shell, err = guard.Find("sh")
	}
	return err
}

// hook returns the command of a hook line.
func (e *elector) hook(line string) guard.Command {
	command := e.Command
	command.Path, command.Args = e.shell, ShellArgs(line)
	return command
}

// gain runs on-gain. The command follows only if on-gain ends with 0 and nothing was lost.
func (e *elector) gain(l *lockd.Lease) (guard.Result, error) {
	result, err := e.guard(e.hook(e.cfg.OnGain), l)
	switch {
	case err != nil, result.Lost != nil:
	case result.Code != 0:
		e.logf("on-gain ended with %d: the command is not run", result.Code)
	case result.EndSignal != 0:
		result.Code = guard.CodeOf(result.EndSignal)
	case l.Grant().StepDown != nil:
		result.Code = guard.CodeOf(e.Command.KillSignal)
	}
	return result, err
}

// lose runs on-lose after all of the leadership's processes have ended. It returns the signal, or the
// end of ctx, that asked this process to end in the meantime; nil: none.
func (e *elector) lose(ctx context.Context, l *lockd.Lease) error {
	if e.cfg.OnLose == "" {
		return nil
	}
	e.verbosef("on-lose")
	_, stop := e.untilInterrupted(ctx)
	e.runOnLose(l)
	return stop()
}

// runOnLose runs on-lose and reports a failure, which has no other effect.
func (e *elector) runOnLose(l *lockd.Lease) {
	command := e.hook(e.cfg.OnLose)
	command.Args, command.Env = withToken(command.Args, l.Token), e.environment(l, false)
	command.Foreground = false // the signals of the terminal's keys are for this process
	ctx, cancel := context.WithTimeout(context.Background(), e.cfg.OnLoseTimeout+command.KillAfter)
	defer cancel()
	result, err := guard.Run(command, timeLimit{ctx}, guard.Options{
		Watchdog: e.Watchdog,
		Grace:    func(error) time.Duration { return 0 },
		OnLoss:   func(error, bool) { e.report(true, "on-lose did not end within %v", e.cfg.OnLoseTimeout) },
	})
	switch {
	case err != nil:
		e.report(true, "on-lose: %v", err)
	case result.Lost == nil && result.Code != 0:
		e.report(true, "on-lose ended with %d", result.Code)
	}
}

// timeLimit is the time limit of a command that runs without a lease.
type timeLimit struct{ ctx context.Context }

func (a timeLimit) Remaining() time.Duration {
	until, _ := a.ctx.Deadline()
	return time.Until(until)
}

func (a timeLimit) Extended() <-chan struct{} { return nil } // it never moves

func (a timeLimit) StepDownRequested() <-chan struct{} { return nil }

func (a timeLimit) Context() context.Context { return a.ctx }

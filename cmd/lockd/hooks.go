package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/run/guard"
)

// onLoseTimeout is the default of --on-lose-timeout.
const onLoseTimeout = 30 * time.Second

// hooks are lines for the shell that run at the start and at the end of a leadership.
type hooks struct {
	onGain, onLose string // "": none
	loseTimeout    time.Duration
	sh             string // path of the shell
}

func (h *hooks) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(lineOf(&h.onGain), "on-gain", "line for sh -c that runs under the lease before the command")
	flags.Var(lineOf(&h.onLose), "on-lose", "line for sh -c that runs each time this process has stopped leading")
	h.loseTimeout = onLoseTimeout
	flags.Var(config.Duration(&h.loseTimeout, time.Millisecond, 0), "on-lose-timeout", "how long on-lose may take before it is sent --kill-signal")
}

func lineOf(to *string) *config.Value[string] {
	return config.Text(to, "line", "a line for sh -c", func(string) bool { return true })
}

// findShell finds the shell of the hooks before a lease is acquired.
func (h *hooks) findShell() (err error) {
	if h.onGain == "" && h.onLose == "" {
		return nil
	}
	if h.sh, err = guard.Find("sh"); err != nil {
		return notRun(err)
	}
	return nil
}

// hook returns the command of a hook line.
func (e *elect) hook(line string) guard.Command {
	command := e.command
	command.Path, command.Args = e.sh, forShell(line)
	return command
}

// gain runs on-gain. The command follows only if on-gain ends with 0 and nothing was lost.
func (e *elect) gain(l *lockd.Lease) (guard.Result, error) {
	result, err := e.guard(e.hook(e.onGain), l)
	switch {
	case err != nil, result.Lost != nil:
	case result.Code != exitOK:
		e.logf("on-gain ended with %d: the command is not run", result.Code)
	case result.EndSignal != 0:
		result.Code = guard.CodeOf(result.EndSignal)
	case l.Grant().StepDown != nil:
		result.Code = guard.CodeOf(e.command.KillSignal)
	}
	return result, err
}

// lose runs on-lose after all of the leadership's processes have ended. It returns the signal that
// asked this process to end in the meantime; nil: none.
func (e *elect) lose(l *lockd.Lease) error {
	if e.onLose == "" {
		return nil
	}
	e.verbosef("on-lose")
	ctx, stop := e.untilInterrupted()
	e.runOnLose(l)
	stop()
	return context.Cause(ctx)
}

// runOnLose runs on-lose and reports a failure, which has no other effect.
func (e *elect) runOnLose(l *lockd.Lease) {
	command := e.hook(e.onLose)
	command.Args, command.Env = withToken(command.Args, l.Token), e.environment(l, false)
	command.Foreground = false // the signals of the terminal's keys are for this process
	ctx, cancel := context.WithTimeout(context.Background(), e.loseTimeout+command.KillAfter)
	defer cancel()
	result, err := guard.Run(command, timeLimit{ctx}, guard.Options{
		Watchdog: []string{watchdogVerb},
		Grace:    func(error) time.Duration { return 0 },
		OnLoss:   func(error, bool) { e.report(true, "on-lose did not end within %v", e.loseTimeout) },
	})
	switch {
	case err != nil:
		e.report(true, "on-lose: %v", err)
	case result.Lost == nil && result.Code != exitOK:
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

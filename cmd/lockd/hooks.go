package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/guard"
)

// onLoseTimeout is how long on-lose may take unless said.
const onLoseTimeout = 30 * time.Second

// hooks are lines for the shell that run when a lead begins and when it is over.
type hooks struct {
	onGain, onLose string // "": none
	loseTimeout    time.Duration
	sh             string // the shell's path
}

func (h *hooks) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(lineOf(&h.onGain), "on-gain", "a line for sh -c that runs under the lease before the command")
	flags.Var(lineOf(&h.onLose), "on-lose", "a line for sh -c that runs each time the lead is over")
	h.loseTimeout = onLoseTimeout
	flags.Var(durationOf(&h.loseTimeout, time.Millisecond, 0), "on-lose-timeout", "how long on-lose may take before it is asked to end")
}

func lineOf(to *string) *value[string] {
	return textOf(to, "line", "a line for sh -c", func(string) bool { return true })
}

// findShell finds what runs the hooks, before a lease is asked for.
func (h *hooks) findShell() (err error) {
	if h.onGain == "" && h.onLose == "" {
		return nil
	}
	if h.sh, err = guard.Find("sh"); err != nil {
		return notRun(err)
	}
	return nil
}

// hook is a line that runs as the command does.
func (e *elect) hook(line string) guard.Command {
	command := e.command
	command.Path, command.Args = e.sh, forShell(line)
	return command
}

// gain runs on-gain. The command may follow where that ends well: with 0, and
// nothing lost.
func (e *elect) gain(l *lockd.Lease) (guard.Result, error) {
	result, err := e.guard(e.hook(e.onGain), l)
	switch {
	case err != nil, result.Lost != nil:
	case result.Code != exitOK:
		e.say("on-gain ended with %d: the command is not run", result.Code)
	case result.Asked != 0:
		result.Code = guard.CodeOf(result.Asked)
	case l.Grant().StepDown != nil:
		result.Code = guard.CodeOf(e.command.KillSignal)
	}
	return result, err
}

// lose runs on-lose, now that nothing of the lead is left. It returns by what this
// process was asked to end meanwhile; nil: it was not.
func (e *elect) lose(l *lockd.Lease) error {
	if e.onLose == "" {
		return nil
	}
	e.sayMore("on-lose")
	asked, stop := e.untilInterrupted()
	e.runOnLose(l)
	stop()
	return context.Cause(asked)
}

// runOnLose tells of a failure, which is nobody else's matter.
func (e *elect) runOnLose(l *lockd.Lease) {
	command := e.hook(e.onLose)
	command.Args, command.Env = withToken(command.Args, l.Token), e.environment(l, false)
	command.Foreground = false // the keys are for this process
	ctx, cancel := context.WithTimeout(context.Background(), e.loseTimeout+command.KillAfter)
	defer cancel()
	result, err := guard.Run(command, allotted{ctx}, guard.Options{
		Watchdog: []string{watchdogVerb},
		Grace:    func(error) time.Duration { return 0 },
		Tell:     func(error, bool) { e.tell(true, "on-lose did not end within %v", e.loseTimeout) },
	})
	switch {
	case err != nil:
		e.tell(true, "on-lose: %v", err)
	case result.Lost == nil && result.Code != exitOK:
		e.tell(true, "on-lose ended with %d", result.Code)
	}
}

// allotted is the time of a command that runs under no lease.
type allotted struct{ ctx context.Context }

func (a allotted) Remaining() time.Duration {
	until, _ := a.ctx.Deadline()
	return time.Until(until)
}

func (a allotted) Extended() <-chan struct{} { return nil } // it is never

func (a allotted) StepDownRequested() <-chan struct{} { return nil }

func (a allotted) Context() context.Context { return a.ctx }

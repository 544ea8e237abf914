package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/run/guard"
)

// yieldFor is how long this process waits, after a step-down request, before it campaigns again.
const yieldFor = time.Second

// elect has the flags of the elect command.
type elect struct {
	*guarded
	hooks
	once bool
}

func newElectCommand(c *cli) *cobra.Command {
	e := &elect{guarded: newGuarded(c)}
	cmd := &cobra.Command{
		Use:                   "elect [flags] NAME [--] COMMAND [ARG...]",
		DisableFlagsInUseLine: true,
		Short:                 "Run a command while this process leads, and again after a loss",
		Long: `Run a command while this process leads, and again after a loss. Of all processes
that do this with one name, one runs its command. The wait has no limit, even while
no node can be reached.

When the lease is lost, the command is dead before another process can lead, as with
lockd lock, and this process campaigns again. The same happens when an operator
requests a step-down: the command is sent --kill-signal, and after it has ended, the
lease is transferred or released. A command that ends by itself ends the campaign.

The environment of the command is that of lockd lock, with a new LOCKD_FENCING_TOKEN
each time. Signals and --shell work as in lockd lock. INT, QUIT and TERM also end the
campaign. While no command runs, HUP is ignored, except on a terminal, where it ends
the campaign.

--on-gain and --on-lose are lines for sh -c with the environment of the command.
{token} in them is replaced by the token. on-gain runs under the lease, before the
command, and is guarded like it: processes that it leaves running are ended. If it
fails, the command does not run, the lease is released, and its exit code is the exit
code of lockd.

on-lose runs each time this process has stopped leading, also after a failure of
on-gain. It runs when all processes of the command are dead and the lease was
released or lost. LOCKD_LOCK_HELD is false then, LOCKD_FENCING_TOKEN is the last
token, and another process may already lead; this process does not campaign in the
meantime. After --on-lose-timeout it is sent --kill-signal, and --kill-after later it
is killed. Processes that it leaves running are ended too. A failure is logged and has
no other effect. INT, QUIT and TERM end the campaign after it. If lockd itself is
killed, on-lose does not run.

Under systemd, with NOTIFY_SOCKET, STATUS= reports the state of the election. The
command itself must report READY=1.

Exit codes: that of the command or of on-gain, or 128 plus the number of the signal
that ended it or the wait; 76 with --once if the lease was lost; 125 lockd failed;
126 the command cannot be run; 127 it was not found; 64 wrong usage.`,
		Example: `  lockd elect beat celery -A app beat
  lockd elect db --on-gain './promote.sh {token}' --on-lose ./demote.sh -- ./serve.sh`,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.do(cmd) },
	}
	e.guarded.addTo(cmd)
	e.hooks.addTo(cmd)
	cmd.Flags().BoolVar(&e.once, "once", false, "do not campaign again after a loss")
	return cmd
}

func (e *elect) do(cmd *cobra.Command) error {
	e.hupEndsWait = e.c.terminal // service managers send it to reload the configuration
	if err := e.prepare(cmd, e.c.timeout); err != nil {
		return err
	}
	defer e.log.Close()
	if err := e.findShell(); err != nil {
		return err
	}
	manager := newNotifier()
	defer manager.end()
	e.status = manager.setStatus
	for {
		lease, err := e.interruptible(e.acquire)
		if err != nil {
			return e.notAcquired(cmd, err)
		}
		result, err := e.lead(lease)
		by := e.end(lease, result.Lost)
		switch {
		case err != nil:
			return err
		case result.Lost != nil && e.once:
			return exitError{code: exitLost}
		case e.once || result.EndSignal != 0 || !over(lease, result):
			return ended(result.Code)
		}
		if by == nil {
			by = e.yield()
		}
		if by != nil {
			return e.notAcquired(cmd, by)
		}
	}
}

// lead runs on-gain and the command, and returns when both have ended.
func (e *elect) lead(l *lockd.Lease) (guard.Result, error) {
	if e.onGain == "" {
		e.begin(l, "leading")
		return e.guard(e.command, l)
	}
	e.begin(l, "leading: on-gain")
	result, err := e.gain(l)
	if err != nil || result.Lost != nil || result.Code != exitOK {
		return result, err
	}
	e.reportHeld(l, "leading")
	return e.guard(e.command, l)
}

// end releases the lease and runs on-lose. After a loss it does not wait for the release first,
// because the response may take until another process leads. It returns the signal that asked this
// process to end in the meantime; nil: none.
func (e *elect) end(l *lockd.Lease, lost error) error {
	if lost == nil {
		_ = e.release(l, nil) // a loss is reported; on-lose runs as usual
		return e.lose(l)
	}
	var outcome string
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		outcome, err = e.transferOrRelease(l)
	}()
	by := e.lose(l)
	<-done
	e.reportReleased(outcome, err, lost)
	return by
}

// over reports whether a command ended because the leadership did.
func over(l *lockd.Lease, r guard.Result) bool { return r.Lost != nil || l.Grant().StepDown != nil }

// acquire waits for the lease, even while no node answers.
func (e *elect) acquire(ctx context.Context) (*lockd.Lease, error) {
	lease, err := e.tryAcquire(ctx, e.c.timeout)
	switch {
	case exitCode(err) == exitNotAcquired:
		e.reportWait(err)
	case exitCode(err) == exitUnreachable && ctx.Err() == nil:
		e.logf("retrying: %v", console.ErrorText(err))
	default:
		return lease, err
	}
	return e.wait(ctx, lockd.Forever)
}

// yield waits so that another candidate can acquire the lease.
func (e *elect) yield() error {
	ctx, stop := e.untilInterrupted()
	select {
	case <-ctx.Done():
	case <-time.After(yieldFor):
	}
	stop()
	return context.Cause(ctx)
}

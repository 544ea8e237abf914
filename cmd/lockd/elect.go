package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/guard"
)

// electPause is how long another has to come forward before who led campaigns again.
const electPause = time.Second

// elect is what the verb was told.
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
		Short:                 "Run a command while leading, and again after a loss",
		Long: `Run a command while leading, and again after a loss: of all that do this under
one name, one runs its command. It waits for as long as it takes, also while no
node can be reached.

When the lease is lost, the command is dead before another can lead, as under
lockd lock, and this process campaigns again. So it does where an operator asked
it to step down: the command is sent --kill-signal, and when it has ended, the
lease is handed over. A command that ends by itself ends the campaign.

The command's environment is that of lockd lock, with a new LOCKD_FENCING_TOKEN
each time, and so are its signals and --shell. INT, QUIT and TERM end the campaign,
too. Where no command runs, HUP is ignored, but on a terminal, where it ends the
campaign.

--on-gain and --on-lose are lines for sh -c with the command's environment, and
{token} in them becomes the token. on-gain runs under the lease, before the command
and guarded as it is: what it leaves running is ended. Where it fails, the command
is not run, the lease is given back, and its exit code is that of lockd.

on-lose runs each time the lead is over, on-gain's failure included, when all of the
command is dead and the lease was given back or lost. LOCKD_LOCK_HELD is false then,
LOCKD_FENCING_TOKEN the token that was, and another may lead already; this process
does not campaign meanwhile. After --on-lose-timeout it is sent --kill-signal, and
--kill-after later it is killed; what it leaves running is ended, too. That it failed
is told, and changes nothing. INT, QUIT and TERM end the campaign after it. Where
lockd itself was killed, none runs.

Under systemd, that is with NOTIFY_SOCKET, STATUS= tells how the election stands;
READY=1 is the command's to say.

Exit codes: the command's own, or on-gain's, or 128 plus the number of the signal
that ended it or the wait; 76 where --once is given and the lease was lost; 125 lockd
failed; 126 the command cannot be run; 127 it was not found; 64 wrong usage.`,
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
	e.hangsUp = e.c.terminal // a service manager sends it to have a configuration read again
	if err := e.prepare(cmd, e.c.timeout); err != nil {
		return err
	}
	defer e.said.close()
	if err := e.findShell(); err != nil {
		return err
	}
	manager := newNotifier()
	defer manager.end()
	e.status = manager.tell
	for {
		lease, err := e.unlessInterrupted(e.ask)
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
		case e.once || result.Asked != 0 || !over(lease, result):
			return ended(result.Code)
		}
		if by == nil {
			by = e.pause()
		}
		if by != nil {
			return e.notAcquired(cmd, by)
		}
	}
}

// lead runs all that the lead consists of, and returns when all of it has ended.
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
	e.tellHeld(l, "leading")
	return e.guard(e.command, l)
}

// end gives the lease back and runs on-lose. After a loss that does not wait for the
// release: it may have no answer until another may lead. It returns by what this
// process was asked to end meanwhile; nil: it was not.
func (e *elect) end(l *lockd.Lease, lost error) error {
	if lost == nil {
		_ = e.giveBack(l, nil) // a loss is reported; on-lose runs as after it
		return e.lose(l)
	}
	var came string
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		came, err = handBack(l)
	}()
	by := e.lose(l)
	<-done
	e.tellGivenBack(came, err, lost)
	return by
}

// over reports whether a command ended because the lead did.
func over(l *lockd.Lease, r guard.Result) bool { return r.Lost != nil || l.Grant().StepDown != nil }

// ask waits, whether a node answers or not.
func (e *elect) ask(ctx context.Context) (*lockd.Lease, error) {
	lease, err := e.askOnce(ctx, e.c.timeout)
	switch {
	case exitCode(err) == exitNotAcquired:
		e.waitingFor(err)
	case exitCode(err) == exitUnreachable && ctx.Err() == nil:
		e.say("trying on: %v", trimmed(err))
	default:
		return lease, err
	}
	return e.wait(ctx, lockd.Forever)
}

// pause lets another come forward.
func (e *elect) pause() error {
	ctx, stop := e.untilInterrupted()
	select {
	case <-ctx.Done():
	case <-time.After(electPause):
	}
	stop()
	return context.Cause(ctx)
}

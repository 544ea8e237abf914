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
	once bool
}

func newElectCommand(c *cli) *cobra.Command {
	e := &elect{guarded: newGuarded(c)}
	cmd := &cobra.Command{
		Use:                   "elect [flags] NAME -- COMMAND [ARG...]",
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
each time, and so are its signals. INT, QUIT and TERM end the campaign, too.

Exit codes: the command's own, or 128 and the signal that ended it or the wait;
76 where --once is given and the lease was lost; 125 lockd failed; 126 the command
cannot be run; 127 it was not found; 64 wrong usage.`,
		Example: "  lockd elect beat -- celery -A app beat",
		Args:    aNameAndACommand,
		RunE:    func(cmd *cobra.Command, args []string) error { return e.do(cmd, args) },
	}
	e.addTo(cmd)
	cmd.Flags().BoolVar(&e.once, "once", false, "do not campaign again after a loss")
	return cmd
}

func (e *elect) do(cmd *cobra.Command, args []string) error {
	if err := e.prepare(cmd, args); err != nil {
		return err
	}
	for {
		lease, err := e.unlessInterrupted(e.ask)
		if err != nil {
			return e.notAcquired(cmd, err)
		}
		result, err := e.run(lease)
		switch {
		case err != nil:
			return err
		case result.Lost != nil && e.once:
			return exitError{code: exitLost}
		case e.once || result.Asked != 0 || !over(lease, result):
			return ended(result.Code)
		}
		if err := e.pause(); err != nil {
			return e.notAcquired(cmd, err)
		}
	}
}

// over reports whether a command ended because the lead did.
func over(l *lockd.Lease, r guard.Result) bool { return r.Lost != nil || l.Grant().StepDown != nil }

// ask waits, whether a node answers or not.
func (e *elect) ask(ctx context.Context) (*lockd.Lease, error) {
	lease, err := e.askOnce(ctx)
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

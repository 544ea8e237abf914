package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/run"
)

const defaultOnLoseTimeout = 30 * time.Second

// elect has the flags of the elect command.
type elect struct {
	*guarded
	run.ElectConfig
}

func newElectCommand(c *cli) *cobra.Command {
	e := new(elect)
	e.guarded, e.OnLoseTimeout = newGuarded(c, &e.Config), defaultOnLoseTimeout
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
	flags := cmd.Flags()
	flags.Var(lineOf(&e.OnGain), "on-gain", "line for sh -c that runs under the lease before the command")
	flags.Var(lineOf(&e.OnLose), "on-lose", "line for sh -c that runs each time this process has stopped leading")
	flags.Var(config.Duration(&e.OnLoseTimeout, time.Millisecond, 0), "on-lose-timeout", "how long on-lose may take before it is sent --kill-signal")
	flags.BoolVar(&e.Once, "once", false, "do not campaign again after a loss")
	return cmd
}

func lineOf(to *string) *config.Value[string] {
	return config.Text(to, "line", "a line for sh -c", func(string) bool { return true })
}

func (e *elect) do(cmd *cobra.Command) error {
	if err := e.prepare(cmd, e.c.timeout); err != nil {
		return err
	}
	defer e.log.Close()
	e.HangupEndsWait = e.c.terminal // service managers send it to reload the configuration
	e.AttemptTimeout = e.c.timeout
	return resultError(cmd, run.Elect(uninterrupted(cmd), e.ElectConfig))
}

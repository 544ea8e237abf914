package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/run"
)

// lock has the flags of the lock command.
type lock struct {
	*guarded
	run.LockConfig
	onLost string
}

// Values of --on-lost.
const (
	onLostKill = "kill"
	onLostWarn = "warn"
)

func newLockCommand(c *cli) *cobra.Command {
	l := &lock{onLost: onLostKill}
	l.guarded, l.NotAcquiredCode = newGuarded(c, &l.Config), exitNotAcquired
	cmd := &cobra.Command{
		Use:                   "lock [flags] NAME [--] COMMAND [ARG...]",
		DisableFlagsInUseLine: true,
		Short:                 "Run a command while holding a lease",
		Long: `Run a command while holding a lease. After it has ended, processes that it left
running are ended too, and the lease is released: a command that starts a daemon and
returns leaves no daemon. Without -n or -w the wait has no limit; a node must answer
within --timeout at the start.

The command is dead before another session can acquire the lease. If renewals fail,
it is sent --kill-signal early enough to have --kill-after to terminate, and it is
killed shortly before the deadline. A watchdog, a separate process, does this even
while this process is stopped, and ends the command if this process is killed.

The environment of the command has LOCKD_FENCING_TOKEN, LOCKD_LOCK_NAME,
LOCKD_HOLDER, LOCKD_SLOT, LOCKD_LEASE_TTL, LOCKD_ADDR and LOCKD_LOCK_HELD=true.
{token} in its arguments is replaced by the token. Pass the token to every resource
that the lease protects. With --shell the command is one line for sh -c, with its
words joined by spaces.

HUP, INT, QUIT, TERM, USR1, USR2 and WINCH are forwarded; the first four end a wait.
On a terminal the command stays in the foreground and receives the signals of the
keys directly.

Exit codes: that of the command, or 128 plus the number of the signal that ended it or
the wait; 75 not acquired (or -E); 76 the lease was lost, whatever the exit code of
the command; 69 no node could serve or be reached; 125 lockd failed; 126 the command
cannot be run; 127 it was not found; 64 wrong usage.

  instead of                        type
  flock FILE CMD                    lockd lock NAME CMD
  flock -n -E 3 FILE CMD            lockd lock -n -E 3 NAME CMD
  flock -w 5 FILE -c 'CMD'          lockd lock -w 5 --shell NAME 'CMD'
  setlock FILE CMD                  lockd lock NAME CMD
  setlock -nX FILE CMD              lockd lock -n -q -E 0 NAME CMD
  consul lock PREFIX CMD            lockd lock --shell NAME CMD
  consul lock -n 3 -try 5s PREFIX CMD   lockd lock --limit 3 -w 5s --shell NAME CMD
  etcdctl lock NAME CMD             lockd lock NAME CMD
  etcdctl lock NAME                 lockd lock NAME sleep infinity`,
		Example: `  lockd lock -n nightly-report ./report.sh --day today
  lockd lock -w 5m --ttl 30s migrate psql -v token={token} -f migrate.sql
  lockd lock backup --shell 'pg_dump app | gzip >app.gz'
  lockd lock deploy sleep infinity  # hold the lease until Ctrl-C`,
		RunE: func(cmd *cobra.Command, _ []string) error { return l.do(cmd) },
	}
	flags := cmd.Flags()
	flags.VarP(config.Duration(&l.Wait, time.Millisecond, 0), "wait", "w", "how long to wait in the queue (default no limit)")
	flags.BoolVarP(&l.NoWait, "no-wait", "n", false, "do not wait in the queue")
	flags.VarP(config.Number(&l.NotAcquiredCode, 0, 255), "conflict-exit-code", "E", "exit code if the lease was not acquired")
	flags.Var(config.OneOf(&l.onLost, onLostKill, onLostWarn), "on-lost", "what to do with the command when the lease is lost")
	l.addTo(cmd)
	cmd.MarkFlagsMutuallyExclusive("wait", "no-wait")
	return cmd
}

func (l *lock) do(cmd *cobra.Command) error {
	retryFor := l.c.timeout
	if l.NoWait {
		retryFor = -1 // one pass: a node itself waits for the next leader
	}
	if err := l.prepare(cmd, retryFor); err != nil {
		return err
	}
	defer l.log.Close()
	l.HangupEndsWait, l.ContinueAfterLoss = true, l.onLost == onLostWarn
	l.AttemptTimeout = l.c.timeout - l.c.releasePart()
	return resultError(cmd, run.Lock(uninterrupted(cmd), l.LockConfig))
}

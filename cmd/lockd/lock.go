package main

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
)

// lock is what the verb was told.
type lock struct {
	*guarded
	patience time.Duration // 0: as long as it takes
	noWait   bool
	conflict int // exit code where the lease was not acquired
	onLost   string
}

// What becomes of the command when its lease is lost.
const (
	onLostKill = "kill"
	onLostWarn = "warn"
)

func newLockCommand(c *cli) *cobra.Command {
	l := &lock{guarded: newGuarded(c), conflict: exitNotAcquired, onLost: onLostKill}
	l.hangsUp = true
	cmd := &cobra.Command{
		Use:                   "lock [flags] NAME [--] COMMAND [ARG...]",
		DisableFlagsInUseLine: true,
		Short:                 "Run a command while holding a lease",
		Long: `Run a command while holding a lease. When it has ended, whatever it left running
is ended, too, and the lease is given back: a command that starts a daemon and
returns leaves none. Without -n or -w it waits for as long as it
takes; a node must answer within --timeout to begin with.

The command is dead before the lease can be another's. When renewals fail, it is
sent --kill-signal so early that it has --kill-after to end, and is killed shortly
before the deadline. A watchdog, a process of its own, sees to that even while
this one is stopped, and ends the command where this one was killed.

The command's environment has LOCKD_FENCING_TOKEN, LOCKD_LOCK_NAME, LOCKD_HOLDER,
LOCKD_SLOT, LOCKD_LEASE_TTL, LOCKD_ADDR and LOCKD_LOCK_HELD=true, and {token} in
its arguments becomes the token. Give the token to whatever the lease protects.
With --shell the command is one line for sh -c: its words are joined by spaces.

HUP, INT, QUIT, TERM, USR1, USR2 and WINCH are passed on; the first four end a wait.
On a terminal the command stays in the foreground and has the signals of the keys by
itself.

Exit codes: the command's own, or 128 plus the number of the signal that ended it or
the wait; 75 not acquired (or -E); 76 the lease was lost, whatever the command's
code; 69 no node could serve or be reached; 125 lockd failed; 126 the command cannot
be run; 127 it was not found; 64 wrong usage.`,
		Example: `  lockd lock -n nightly-report ./report.sh --day today
  lockd lock -w 5m --ttl 30s migrate psql -v token={token} -f migrate.sql
  lockd lock backup --shell 'pg_dump app | gzip >app.gz'
  lockd lock deploy sleep infinity  # hold the lease until Ctrl-C

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
		RunE: func(cmd *cobra.Command, _ []string) error { return l.do(cmd) },
	}
	flags := cmd.Flags()
	flags.VarP(durationOf(&l.patience, time.Millisecond, 0), "wait", "w", "how long to stand in the queue (default as long as it takes)")
	flags.BoolVarP(&l.noWait, "no-wait", "n", false, "do not stand in the queue")
	flags.VarP(numberOf(&l.conflict, 0, 255), "conflict-exit-code", "E", "exit code where the lease was not acquired")
	flags.Var(oneOf(&l.onLost, onLostKill, onLostWarn), "on-lost", "what becomes of the command when the lease is lost")
	l.addTo(cmd)
	cmd.MarkFlagsMutuallyExclusive("wait", "no-wait")
	return cmd
}

func (l *lock) do(cmd *cobra.Command) error {
	l.goesOn = l.onLost == onLostWarn
	retryFor := l.c.timeout
	if l.noWait {
		retryFor = -1 // one round: a node itself waits for the next leader
	}
	if err := l.prepare(cmd, retryFor); err != nil {
		return err
	}
	defer l.said.close()
	lease, err := l.unlessInterrupted(l.ask)
	if err != nil {
		return l.notAcquired(cmd, err)
	}
	l.begin(lease, "acquired")
	result, err := l.guard(l.command, lease)
	lost := l.giveBack(lease, result.Lost)
	switch {
	case err != nil:
		return err
	case lost != nil:
		return exitError{code: exitLost}
	}
	return ended(result.Code)
}

// ask asks once, which must be answered in time, and then waits.
func (l *lock) ask(ctx context.Context) (*lockd.Lease, error) {
	lease, err := l.askOnce(ctx, l.c.timeout-l.c.releasePart())
	if !l.noWait && exitCode(err) == exitNotAcquired {
		l.waitingFor(err)
		lease, err = l.wait(ctx, cmp.Or(l.patience, lockd.Forever))
	}
	return lease, err
}

func (l *lock) notAcquired(cmd *cobra.Command, err error) error {
	err = l.guarded.notAcquired(cmd, err)
	switch {
	case exitCode(err) != exitNotAcquired:
		return err
	case l.quiet:
		return exitError{code: l.conflict}
	}
	return exitError{l.conflict, err}
}

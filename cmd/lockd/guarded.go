package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/guard"
)

const (
	// Of the TTL a command may take at most a third to end, so that a renewal which
	// meets a silent node still comes in time, and unless said a quarter.
	killAfterMostPart   = 3
	killAfterPart       = 4
	killAfterUnlessSaid = 5 * time.Second // at most

	killMarginLeast = 100 * time.Millisecond // in which what was killed has to be dead
	killMarginPart  = 20                     // of the TTL

	giveBackTimeout = 5 * time.Second
)

// guarded is what lock and elect have in common: a lease, and a command that runs
// while it is held.
type guarded struct {
	c       *cli
	opts    lockd.AcquireOptions
	meta    object
	command guard.Command
	shell   bool // the command is a line for the shell
	goesOn  bool // after a loss
	hangsUp bool // HUP ends a wait
	signal  string
	quiet   bool
	verbose bool

	name    string
	client  *lockd.Client
	signals <-chan os.Signal
	said    *logQueue    // so that who does not read what is said holds nothing up
	status  func(string) // where the service manager is told how things stand
}

func newGuarded(c *cli) *guarded { return &guarded{c: c, signal: "TERM", status: func(string) {}} }

// addTo adds the flags of both.
func (g *guarded) addTo(cmd *cobra.Command) {
	cmd.Args = g.nameAndCommand
	flags := cmd.Flags()
	flags.SetInterspersed(false) // what follows the command's name is the command's
	flags.Var(ttlOf(&g.opts.TTL), "ttl", "how long the lease lasts unless it is renewed (default 15s)")
	flags.StringVar(&g.opts.Holder, "holder", "", "public label of who holds (default host/pid)")
	flags.Var(numberOf(&g.opts.Limit, 1, fsm.MaxLimit), "limit", "how many may hold at once (default 1)")
	flags.Var(durationOf(&g.opts.Delay, 0, millis(fsm.MaxDelay)), "delay", "how long nobody gets the lease after this hold expired or was broken")
	flags.Var(numberOf(&g.opts.Priority, fsm.MinPriority, fsm.MaxPriority), "priority", "place in the queue: the highest first, then first come, first served (default 0)")
	flags.Var(&g.meta, "meta", "what every reader sees with the hold")
	flags.BoolVar(&g.shell, "shell", false, "the command is a line for sh -c: its words are joined by spaces")
	flags.Var(textOf(&g.signal, "signal", "a signal, such as TERM or INT", knownSignal), "kill-signal", "what asks the command to end")
	flags.Var(durationOf(&g.command.KillAfter, time.Millisecond, 0), "kill-after", "how long it may take to end before it is killed; at most a third of the TTL (default a quarter, to 5s)")
	flags.BoolVarP(&g.quiet, "quiet", "q", false, "say nothing of a lease that was not acquired, or was lost: the exit code tells")
	flags.BoolVarP(&g.verbose, "verbose", "v", false, "say who is waited for, what was acquired and what was given back")
	bindable(flags, "holder")
}

func knownSignal(name string) bool {
	_, ok := guard.SignalNamed(name)
	return ok
}

// nameAndCommand reads [flags] NAME [flags] [--] COMMAND [ARG...]. Flag parsing stops at
// the first word after NAME that is no flag, so that the command's own flags need no --.
func (g *guarded) nameAndCommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		g.name, args = args[0], args[1:]
		if err := cmd.ParseFlags(args); err != nil {
			return cmd.FlagErrorFunc()(cmd, err)
		}
		if help, err := cmd.Flags().GetBool("help"); help || err != nil {
			return cmp.Or(err, pflag.ErrHelp)
		}
		args = cmd.Flags().Args()
	}
	if len(args) == 0 {
		return errors.New("want a NAME and a COMMAND")
	}
	g.command.Args = args
	return nil
}

// prepare finds the program and all else that can be wrong before a lease is asked for.
// A request goes round the nodes for retryFor.
func (g *guarded) prepare(cmd *cobra.Command, retryFor time.Duration) (err error) {
	if g.shell {
		g.command.Args = forShell(strings.Join(g.command.Args, " "))
	}
	g.opts.Meta = g.meta.meta()
	ttl := cmp.Or(g.opts.TTL, millis(fsm.DefaultTTL))
	if most := ttl / killAfterMostPart; g.command.KillAfter > most {
		return usageError{fmt.Errorf("--kill-after must be at most a third of the TTL, %v, so that a renewal may fail", most)}
	}
	g.command.KillAfter = cmp.Or(g.command.KillAfter, min(killAfterUnlessSaid, ttl/killAfterPart))
	g.command.KillSignal, _ = guard.SignalNamed(g.signal)
	g.command.Foreground = g.c.terminal
	if g.command.Path, err = guard.Find(g.command.Args[0]); err != nil {
		return notRun(err)
	}
	g.said = newLogQueue(cmd.ErrOrStderr(), func(to io.Writer, dropped uint64) {
		fmt.Fprintf(to, "lockd: %s: %d lines were dropped: nobody read them in time\n", g.name, dropped)
	})
	g.c.warnings = slog.New(&warnings{to: g.said, about: g.name + ": "})
	if g.client, err = g.c.clientThatWaits(retryFor); err != nil {
		g.said.close()
		return err
	}
	surviveClosedOutput()
	g.signals = guard.Signals()
	return nil
}

// forShell returns the arguments by which the shell runs a line.
func forShell(line string) []string { return []string{"sh", "-c", line} }

// notRun gives an error the exit code that shells give it.
func notRun(err error) error {
	code := guard.CodeFailed
	var refused *guard.Error
	if errors.As(err, &refused) {
		code, err = refused.Code, refused
	}
	return exitError{code, err}
}

// askOnce asks for the lease without a wait, and gives up at limit. Each hold has a
// session of its own, so that none goes on with the token of one that was over.
func (g *guarded) askOnce(ctx context.Context, limit time.Duration) (*lockd.Lease, error) {
	g.opts.Session = lockd.NewSession()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return g.client.Acquire(ctx, g.name, g.opts)
}

// wait stands in the queue, through any outage.
func (g *guarded) wait(ctx context.Context, wait time.Duration) (*lockd.Lease, error) {
	opts := g.opts
	opts.Wait = wait
	return g.client.Acquire(ctx, g.name, opts)
}

// unlessInterrupted returns what ask returns, unless this process is asked to end
// before.
func (g *guarded) unlessInterrupted(ask func(context.Context) (*lockd.Lease, error)) (*lockd.Lease, error) {
	ctx, stop := g.untilInterrupted()
	l, err := ask(ctx)
	stop()
	by := context.Cause(ctx)
	if by == nil {
		return l, err
	}
	if err == nil {
		_ = g.giveBack(l, nil) // nothing ran under it
	}
	return nil, by
}

// waitingFor says why the lease was not acquired at once.
func (g *guarded) waitingFor(err error) {
	var refused *lockd.Error
	if errors.As(err, &refused) && refused.Lease != nil && refused.Lease.Holder != "" {
		g.sayMore("waiting for %s", refused.Lease.Holder)
		return
	}
	g.sayMore("waiting: %v", trimmed(err))
}

// begin renews a lease from now on that makes its holder what is said.
func (g *guarded) begin(l *lockd.Lease, what string) {
	l.KeepAlive()
	g.tellHeld(l, what)
}

func (g *guarded) tellHeld(l *lockd.Lease, what string) {
	g.sayMore("%s, with token %d", what, l.Token)
}

// guard runs a command that must not outlive the lease, and returns when all of it
// has ended.
func (g *guarded) guard(command guard.Command, l *lockd.Lease) (guard.Result, error) {
	command.Args = withToken(command.Args, l.Token)
	command.Env = g.environment(l, true)
	result, err := guard.Run(command, l, guard.Options{
		Watchdog:  []string{watchdogVerb},
		Signals:   g.signals,
		Margin:    max(killMarginLeast, l.Grant().TTL.Duration()/killMarginPart),
		Grace:     func(cause error) time.Duration { return g.grace(l, cause) },
		Tell:      g.tellLoss,
		Unguarded: g.goesOn,
	})
	if err != nil {
		return result, notRun(err)
	}
	return result, nil
}

// ended is the end of a command by itself.
func ended(code int) error {
	if code == exitOK {
		return nil
	}
	return exitError{code: code}
}

// grace is how long the command may still run after a loss: not at all, but where
// an operator broke the hold and said when it is free. That answer may be as old
// as an attempt may take, which is a quarter of the TTL.
func (g *guarded) grace(l *lockd.Lease, cause error) time.Duration {
	var refused *lockd.Error
	if !errors.As(cause, &refused) || refused.Type != lockd.TypeBroken || refused.Lease == nil {
		return 0
	}
	for _, h := range refused.Lease.Holders {
		if h.Token == l.Token && h.FreeIn != nil {
			return min(g.command.KillAfter, h.FreeIn.Duration()-l.Grant().TTL.Duration()/4)
		}
	}
	return 0
}

// giveBack releases what was held, or what a known loss has left of it. It returns the
// loss, if there was one: the known one, or one that only the node knew of.
func (g *guarded) giveBack(l *lockd.Lease, lost error) error {
	came, err := handBack(l)
	if lost == nil && errors.Is(err, lockd.ErrLost) {
		g.tellLoss(err, false)
		return err
	}
	g.tellGivenBack(came, err, lost)
	return lost
}

// handBack hands the lease to whom an operator wants it to have, or releases it, and
// returns in words what came of that. Where it fails the lease ends by itself.
func handBack(l *lockd.Lease) (came string, err error) {
	if errors.Is(context.Cause(l.Context()), lockd.ErrLost) {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(giveBackTimeout, l.Remaining()))
	defer cancel()
	if wish := l.Grant().StepDown; wish != nil && wish.To != "" && l.Transfer(ctx, wish.To) == nil {
		return "handed over to " + wish.To, nil
	}
	return "released", l.Release(ctx)
}

// tellGivenBack tells what came of handBack. After a loss nobody expects the lease
// to be released.
func (g *guarded) tellGivenBack(came string, err, lost error) {
	const failed = "not released, and free when its TTL is over: %v"
	switch {
	case err != nil && lost != nil:
		g.sayMore(failed, trimmed(err))
	case err != nil:
		g.say(failed, trimmed(err))
	case came != "":
		g.sayMore("%s", came)
	}
}

func (g *guarded) tellLoss(cause error, goesOn bool) {
	after := ""
	if goesOn {
		after = "; the command goes on"
	}
	g.say("the lease is lost: %v%s", trimmed(cause), after)
}

func (g *guarded) say(format string, args ...any) { g.tell(!g.quiet, format, args...) }

func (g *guarded) sayMore(format string, args ...any) {
	g.tell(g.verbose && !g.quiet, format, args...)
}

// tell gives how things stand to the service manager, and aloud to whoever reads
// what this process says.
func (g *guarded) tell(aloud bool, format string, args ...any) {
	status := plainText(fmt.Sprintf(format, args...))
	g.status(status)
	if aloud {
		fmt.Fprintf(g.said, "lockd: %s: %s\n", g.name, status)
	}
}

func trimmed(err error) string { return strings.TrimPrefix(err.Error(), "lockd: ") }

// notAcquired gives an acquire's error its exit code.
func (g *guarded) notAcquired(cmd *cobra.Command, err error) error {
	var by interrupted
	if errors.As(err, &by) {
		return exitError{code: guard.CodeOf(by.by)}
	}
	if err = inWords(cmd, err); exitCode(err) == exitFailed {
		return exitError{guard.CodeFailed, err}
	}
	return err
}

// interrupted is the cause with which a wait ends where this process is asked to end.
type interrupted struct{ by syscall.Signal }

func (i interrupted) Error() string { return i.by.String() }

// untilInterrupted returns a context that ends when this process is asked to end,
// until stop is called. Other signals are for a command that does not run.
func (g *guarded) untilInterrupted() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case s := <-g.signals:
				if by, ok := s.(syscall.Signal); ok && guard.Ends(by) && (g.hangsUp || by != syscall.SIGHUP) {
					cancel(interrupted{by})
				}
			case <-over:
				return
			}
		}
	}()
	return ctx, func() { close(over); <-ended }
}

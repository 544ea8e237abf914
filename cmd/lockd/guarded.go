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
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/run/guard"
)

const (
	// A command may take at most a third of the TTL to terminate, so that a renewal can still
	// succeed after one attempt at an unresponsive node. The default is a quarter.
	killAfterDivisor        = 3
	defaultKillAfterDivisor = 4
	maxDefaultKillAfter     = 5 * time.Second

	minKillMargin     = 100 * time.Millisecond // time in which a killed process must be dead
	killMarginDivisor = 20                     // of the TTL

	releaseTimeout     = 5 * time.Second
	acquireReleaseWait = time.Second // how long the client's Acquire itself waits for its release
)

// guarded is the common part of lock and elect: a lease, and a command that runs while the lease is
// held.
type guarded struct {
	c                 *cli
	opts              lockd.AcquireOptions
	meta              object
	command           guard.Command
	shell             bool // the command is a line for the shell
	continueAfterLoss bool // the command continues after a loss
	hupEndsWait       bool // HUP ends a wait
	signal            string
	quiet             bool
	verbose           bool

	name    string
	client  *lockd.Client
	signals <-chan os.Signal
	log     *console.Queue // a queue, so that a reader that does not read blocks nothing
	status  func(string)   // reports the status to the service manager
}

func newGuarded(c *cli) *guarded { return &guarded{c: c, signal: "TERM", status: func(string) {}} }

// addTo adds the flags of both commands.
func (g *guarded) addTo(cmd *cobra.Command) {
	cmd.Args = g.nameAndCommand
	flags := cmd.Flags()
	flags.SetInterspersed(false) // flags after the command's name belong to the command
	flags.Var(ttlOf(&g.opts.TTL), "ttl", "how long the lease lasts unless it is renewed (default 15s)")
	flags.StringVar(&g.opts.Holder, "holder", "", "public label of the holder (default host/pid)")
	flags.Var(config.Number(&g.opts.Limit, 1, fsm.MaxLimit), "limit", "how many sessions may hold the lease at the same time (default 1)")
	flags.Var(config.Duration(&g.opts.Delay, 0, millis(fsm.MaxDelay)), "delay", "how long the lease stays free after this hold expires or is broken")
	flags.Var(config.Number(&g.opts.Priority, fsm.MinPriority, fsm.MaxPriority), "priority", "priority in the queue: higher values first, equal values in order of arrival (default 0)")
	flags.Var(&g.meta, "meta", "JSON object that every reader of the lease can see")
	flags.BoolVar(&g.shell, "shell", false, "run the command as a line for sh -c, with its words joined by spaces")
	flags.Var(config.Text(&g.signal, "signal", "a signal, such as TERM or INT", knownSignal), "kill-signal", "signal that tells the command to terminate")
	flags.Var(config.Duration(&g.command.KillAfter, time.Millisecond, 0), "kill-after", "how long the command may take to terminate before it is killed; at most a third of the TTL (default a quarter, up to 5s)")
	flags.BoolVarP(&g.quiet, "quiet", "q", false, "do not log that the lease was not acquired or was lost; the exit code shows it")
	flags.BoolVarP(&g.verbose, "verbose", "v", false, "log the current holder during a wait, the acquire and the release")
	config.Bind(flags, "holder")
}

func knownSignal(name string) bool {
	_, ok := guard.SignalNamed(name)
	return ok
}

// nameAndCommand parses [flags] NAME [flags] [--] COMMAND [ARG...]. Flag parsing stops at the first
// word after NAME that is not a flag, so the flags of the command need no --.
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

// prepare finds the program and checks everything else before a lease is acquired. A request tries
// the nodes for retryFor.
func (g *guarded) prepare(cmd *cobra.Command, retryFor time.Duration) (err error) {
	if g.shell {
		g.command.Args = forShell(strings.Join(g.command.Args, " "))
	}
	g.opts.Meta = g.meta.meta()
	ttl := cmp.Or(g.opts.TTL, millis(fsm.DefaultTTL))
	if most := ttl / killAfterDivisor; g.command.KillAfter > most {
		return usageError{fmt.Errorf("--kill-after must be at most a third of the TTL, %v, so that a renewal can be retried", most)}
	}
	g.command.KillAfter = cmp.Or(g.command.KillAfter, min(maxDefaultKillAfter, ttl/defaultKillAfterDivisor))
	g.command.KillSignal, _ = guard.SignalNamed(g.signal)
	g.command.Foreground = g.c.terminal
	if g.command.Path, err = guard.Find(g.command.Args[0]); err != nil {
		return notRun(err)
	}
	g.log = console.NewQueue(cmd.ErrOrStderr(), func(to io.Writer, dropped uint64) {
		fmt.Fprintf(to, "lockd: %s: %d log lines were dropped: they were not read in time\n", g.name, dropped)
	})
	g.c.warnings = slog.New(&console.Warnings{To: g.log, About: g.name + ": "})
	if g.client, err = g.c.waitingClient(retryFor); err != nil {
		g.log.Close()
		return err
	}
	surviveClosedOutput()
	g.signals = guard.Signals()
	return nil
}

// forShell returns the arguments with which the shell runs a line.
func forShell(line string) []string { return []string{"sh", "-c", line} }

// notRun gives an error the exit code that shells use.
func notRun(err error) error {
	code := guard.CodeFailed
	var refused *guard.Error
	if errors.As(err, &refused) {
		code, err = refused.Code, refused
	}
	return exitError{code, err}
}

// tryAcquire acquires the lease without a wait, and gives up at limit. Each hold has its own
// session, so that it never continues with the token of an earlier hold.
func (g *guarded) tryAcquire(ctx context.Context, limit time.Duration) (*lockd.Lease, error) {
	g.opts.Session = lockd.NewSession()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return g.client.Acquire(ctx, g.name, g.opts)
}

// wait acquires the lease with a wait that survives outages.
func (g *guarded) wait(ctx context.Context, wait time.Duration) (*lockd.Lease, error) {
	opts := g.opts
	opts.Wait = wait
	return g.client.Acquire(ctx, g.name, opts)
}

// interruptible returns the result of ask, unless this process receives a signal to end before.
func (g *guarded) interruptible(ask func(context.Context) (*lockd.Lease, error)) (*lockd.Lease, error) {
	ctx, stop := g.untilInterrupted()
	l, err := ask(ctx)
	stop()
	by := context.Cause(ctx)
	if by == nil {
		return l, err
	}
	if err == nil {
		_ = g.release(l, nil) // nothing ran under it
	}
	return nil, by
}

// reportWait logs why the lease was not acquired at once.
func (g *guarded) reportWait(err error) {
	var refused *lockd.Error
	if errors.As(err, &refused) && refused.Lease != nil && refused.Lease.Holder != "" {
		g.verbosef("waiting for %s", refused.Lease.Holder)
		return
	}
	g.verbosef("waiting: %v", console.ErrorText(err))
}

// begin starts to renew a lease and reports that it is held.
func (g *guarded) begin(l *lockd.Lease, what string) {
	l.KeepAlive()
	g.reportHeld(l, what)
}

func (g *guarded) reportHeld(l *lockd.Lease, what string) {
	g.verbosef("%s, with token %d", what, l.Token)
}

// guard runs a command that must not outlive the lease, and returns when all its processes have
// ended.
func (g *guarded) guard(command guard.Command, l *lockd.Lease) (guard.Result, error) {
	command.Args = withToken(command.Args, l.Token)
	command.Env = g.environment(l, true)
	result, err := guard.Run(command, l, guard.Options{
		Watchdog:  []string{watchdogVerb},
		Signals:   g.signals,
		Margin:    max(minKillMargin, l.Grant().TTL.Duration()/killMarginDivisor),
		Grace:     func(cause error) time.Duration { return g.grace(l, cause) },
		OnLoss:    g.reportLoss,
		Unguarded: g.continueAfterLoss,
	})
	if err != nil {
		return result, notRun(err)
	}
	return result, nil
}

// ended returns the exit code of a command that ended by itself as an error.
func ended(code int) error {
	if code == exitOK {
		return nil
	}
	return exitError{code: code}
}

// grace returns how long the command may still run after a loss. It is 0 unless an operator broke
// the hold and the response has the time at which it is free. That response may be as old as the
// timeout of an attempt, a quarter of the TTL.
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

// release releases the lease, or what is left of it after a known loss. It returns the loss, if
// there was one: the known one, or one that only the node knew of.
func (g *guarded) release(l *lockd.Lease, lost error) error {
	outcome, err := g.transferOrRelease(l)
	if lost == nil && errors.Is(err, lockd.ErrLost) {
		g.reportLoss(err, false)
		return err
	}
	g.reportReleased(outcome, err, lost)
	return lost
}

// transferOrRelease transfers the lease to the receiver of a step-down request, or releases it. It
// returns a text for the log. If no node confirms it within releaseTimeout, the lease expires.
func (g *guarded) transferOrRelease(l *lockd.Lease) (outcome string, err error) {
	if errors.Is(context.Cause(l.Context()), lockd.ErrLost) {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(releaseTimeout, l.Remaining()))
	defer cancel()
	if request := l.Grant().StepDown; request != nil && request.To != "" && l.Transfer(ctx, request.To) == nil {
		return "handed over to " + request.To, nil
	}
	err = l.Release(ctx)
	if errors.Is(err, lockd.ErrUnavailable) || errors.As(err, new(*lockd.UnknownError)) {
		if g.client.Close(ctx) == nil { // the client has repeated the release until it was certain
			err = nil
		}
	}
	return "released", err
}

// reportReleased reports the result of transferOrRelease. A failure after a loss is expected.
func (g *guarded) reportReleased(outcome string, err, lost error) {
	const failed = "not released; the lease expires after its TTL: %v"
	switch {
	case err != nil && lost != nil:
		g.verbosef(failed, console.ErrorText(err))
	case err != nil:
		g.logf(failed, console.ErrorText(err))
	case outcome != "":
		g.verbosef("%s", outcome)
	}
}

func (g *guarded) reportLoss(cause error, continues bool) {
	after := ""
	if continues {
		after = "; the command continues"
	}
	g.logf("the lease is lost: %v%s", console.ErrorText(cause), after)
}

func (g *guarded) logf(format string, args ...any) { g.report(!g.quiet, format, args...) }

func (g *guarded) verbosef(format string, args ...any) {
	g.report(g.verbose && !g.quiet, format, args...)
}

// report sends the status to the service manager. If logged is set, it also logs the status.
func (g *guarded) report(logged bool, format string, args ...any) {
	status := console.Plain(fmt.Sprintf(format, args...))
	g.status(status)
	if logged {
		fmt.Fprintf(g.log, "lockd: %s: %s\n", g.name, status)
	}
}

// notAcquired gives the error of an acquire its exit code. It first waits until what the acquire may
// have acquired is released: within --timeout, or for releaseTimeout after a signal.
func (g *guarded) notAcquired(cmd *cobra.Command, err error) error {
	var by interrupted
	signalled, limit := errors.As(err, &by), g.c.releasePart()-acquireReleaseWait
	if signalled {
		limit = releaseTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_ = g.client.Close(ctx) // after that the lease expires
	if signalled {
		return exitError{code: guard.CodeOf(by.by)}
	}
	if err = explain(cmd, err); exitCode(err) == exitFailed {
		return exitError{guard.CodeFailed, err}
	}
	return err
}

// interrupted is the cause of a wait that ended because this process received a signal.
type interrupted struct{ by syscall.Signal }

func (i interrupted) Error() string { return i.by.String() }

// untilInterrupted returns a context that ends when this process receives a signal that ends it,
// until stop is called. Other signals are dropped, because no command runs.
func (g *guarded) untilInterrupted() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case s := <-g.signals:
				if by, ok := s.(syscall.Signal); ok && guard.Ends(by) && (g.hupEndsWait || by != syscall.SIGHUP) {
					cancel(interrupted{by})
				}
			case <-over:
				return
			}
		}
	}()
	return ctx, func() { close(over); <-ended }
}

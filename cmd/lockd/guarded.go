package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/waiting"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/run"
	"github.com/lockd/lockd/internal/run/guard"
)

// guarded has the flags that lock and elect share: those of a lease, and of the command that runs while the lease is
// held.
type guarded struct {
	c      *cli
	config *run.Config
	meta   config.Object
	shell  bool // the command is a line for the shell
	signal string
	log    *console.Queue // a queue, so that a reader that does not read blocks nothing
}

func newGuarded(c *cli, to *run.Config) *guarded { return &guarded{c: c, config: to, signal: "TERM"} }

// addTo adds the flags of both commands.
func (g *guarded) addTo(cmd *cobra.Command) {
	cmd.Args = g.nameAndCommand
	cmd.ValidArgsFunction = g.c.names(1, completeCommand)
	flags, opts := cmd.Flags(), &g.config.Acquire
	flags.SetInterspersed(false) // flags after the command's name belong to the command
	flags.Var(ttlOf(&opts.TTL), "ttl", "how long the lease lasts unless it is renewed (default 15s)")
	flags.StringVar(&opts.Holder, "holder", "", "public label of the holder (default host/pid)")
	flags.Var(config.Number(&opts.Limit, 1, fsm.MaxLimit), "limit", "how many sessions may hold the lease at the same time (default 1)")
	flags.Var(config.Duration(&opts.Delay, 0, millis(fsm.MaxDelay)), "delay", "how long the lease stays free after this hold expires or is broken")
	flags.Var(config.Number(&opts.Priority, fsm.MinPriority, fsm.MaxPriority), "priority", "priority in the queue: higher values first, equal values in order of arrival (default 0)")
	flags.Var(&g.meta, "meta", "JSON object that every reader of the lease can see")
	flags.BoolVar(&g.shell, "shell", false, "run the command as a line for sh -c, with its words joined by spaces")
	flags.Var(config.Text(&g.signal, "signal", "a signal, such as TERM or INT", knownSignal), "kill-signal", "signal that tells the command to terminate")
	flags.Var(config.Duration(&g.config.Command.KillAfter, time.Millisecond, 0), "kill-after", "how long the command may take to terminate before it is killed; at most a third of the TTL (default a quarter, up to 5s)")
	flags.BoolVarP(&g.config.Quiet, "quiet", "q", false, "do not log that the lease was not acquired or was lost; the exit code shows it")
	flags.BoolVarP(&g.config.Verbose, "verbose", "v", false, "log the current holder during a wait, the acquire and the release")
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
		g.config.Name, args = args[0], args[1:]
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
	g.config.Command.Args = args
	return nil
}

// prepare completes the configuration, and finds the program before a lease is acquired. A request
// tries the nodes for retryFor. After it has succeeded, the caller closes the log.
func (g *guarded) prepare(cmd *cobra.Command, retryFor time.Duration) (err error) {
	command := &g.config.Command
	if g.shell {
		command.Args = run.ShellArgs(strings.Join(command.Args, " "))
	}
	g.config.Acquire.Meta = g.meta.Meta()
	command.KillAfter, err = run.KillAfter(command.KillAfter, cmp.Or(g.config.Acquire.TTL, millis(fsm.DefaultTTL)))
	if err != nil {
		return usageError{fmt.Errorf("--kill-after %w", err)}
	}
	command.KillSignal, _ = guard.SignalNamed(g.signal)
	command.Foreground = g.c.terminal
	if command.Path, err = guard.Find(command.Args[0]); err != nil {
		return resultError(cmd, run.Failed(err))
	}
	g.log = g.c.logOf(cmd, g.config.Name)
	if g.config.Client, err = g.c.waitingClient(retryFor, nil); err != nil {
		g.log.Close()
		return err
	}
	if !g.config.Quiet {
		g.config.Progress = g.progress(cmd)
	}
	g.config.Addresses, g.config.CAFile = g.c.addrs, g.c.connect.CAFile()
	g.config.Log, g.config.Watchdog = g.log, []string{watchdogVerb}
	g.config.ReleaseTimeout = g.c.releasePart()
	surviveClosedOutput()
	g.config.Signals = guard.Signals()
	return nil
}

// progress returns what shows the progress of a wait. Without a terminal, --verbose has the same information, and a
// candidate of an election waits as a rule, so that only lock reports it.
func (g *guarded) progress(cmd *cobra.Command) func(context.Context) {
	p := waiting.Progress{Client: g.config.Client, Name: g.config.Name, Holder: g.config.Acquire.Holder, To: g.log}
	if g.c.onTerminal(cmd, &p) || !g.config.Verbose && cmd.Name() == "lock" {
		return p.Run
	}
	return nil
}

// onTerminal lets p use the terminal of standard error, and reports whether there is one.
func (c *cli) onTerminal(cmd *cobra.Command, p *waiting.Progress) bool {
	width, _ := console.Size(cmd.ErrOrStderr())
	if width == 0 {
		return false
	}
	p.Line, p.Width = c.status, func() int { width, _ := console.Size(cmd.ErrOrStderr()); return width }
	return true
}

// logOf returns the queue for the log lines of a command that holds a lease, and lets warnings of the
// client pass through it.
func (c *cli) logOf(cmd *cobra.Command, lease string) *console.Queue {
	log := console.NewQueue(c.status, func(to io.Writer, dropped uint64) {
		fmt.Fprintf(to, "lockd: %s: %d log lines were dropped: they were not read in time\n", lease, dropped)
	})
	c.warnings = slog.New(&console.Warnings{To: log, About: lease + ": ", Style: console.NewStyle(cmd.ErrOrStderr())})
	return log
}

// uninterrupted returns the context of a command that handles its signals itself.
func uninterrupted(cmd *cobra.Command) context.Context { return context.WithoutCancel(cmd.Context()) }

// resultError returns the result of lock or elect as an error with its exit code; nil: success.
func resultError(cmd *cobra.Command, r run.Result) error {
	err := describeRefusal(cmd, r.Err)
	if r.Code == exitCode(err) {
		return err
	}
	return exitError{r.Code, err}
}

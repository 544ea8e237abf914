package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	lockd "github.com/lockd/lockd/clients/go"

	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/connect"
	"github.com/lockd/lockd/internal/console"
)

// cli is shared by all commands.
type cli struct {
	in       io.Reader
	out      io.Writer
	terminal bool // in is a terminal, so a confirmation is possible
	screen   console.Screen
	status   *console.StatusLine // standard error, with the progress of a wait as its last line
	args     []string            // of the process

	printed bool // a response was printed
	stream  bool // the output is a stream of documents, one per line

	addrs   []string
	output  console.Format
	timeout time.Duration

	connect  connect.Flags
	warnings *slog.Logger // receives a warning when no node answers
	http     *http.Client // sends the requests; nil: that of the client
}

// newRootCommand returns the root command. began reports whether a command has started to run:
// errors before that are usage errors.
func newRootCommand(c *cli) (root *cobra.Command, began *bool) {
	root = &cobra.Command{
		Use:   "lockd",
		Short: "Distributed locks and leader election over HTTP",
		Long: `lockd grants leases: named rights with a time limit. A lock, an election and a
guard of a cron job are all leases.

If the help of a flag names a variable, the variable also sets it: LOCKD_ADDR sets
--addr. A flag overrides a variable. LOCKD_TOKEN is the token of the caller, if the
cluster requires one; no flag has it, because other users can see flags.

Exit codes: 0 success, or you hold the lease; 75 not acquired; 76 lost; 69 no node
could serve or be reached, or the outcome is unknown; 64 wrong usage; 1 any other
error.`,
		Example: `  lockd server                              # a node, with its data in ./lockd-data
  lockd lock nightly-report ./report.sh     # run a command while holding a lease
  lockd elect scheduler ./scheduler.sh      # run it on one of several machines`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := config.ReadEnv(cmd.Flags()); err != nil {
				return usageError{err}
			}
			return nil
		},
	}
	root.Version = thisProgram().String() // cobra adds --version and -v
	root.SetVersionTemplate("{{.Version}}\n")
	c.addCommands(root)
	c.completeFlags(root)
	root.SetHelpFunc(printHelp)
	began = new(bool)
	markStart(root, began)
	return root, began
}

// nodeFlags returns the flags of the commands that send requests to nodes.
func (c *cli) nodeFlags() *pflag.FlagSet {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.addrs, c.timeout = []string{lockd.DefaultAddress}, 10*time.Second
	flags.StringSliceVar(&c.addrs, "addr", c.addrs, "HTTP addresses of nodes, tried in this order; the default port is 7400")
	flags.Var(config.Duration(&c.timeout, time.Millisecond, 0), "timeout", "time limit of the command, in addition to any wait")
	config.Bind(flags, "addr", "timeout")
	c.connect.AddTo(flags)
	return flags
}

// outputFlag returns the flag of the commands that print a response.
func (c *cli) outputFlag() *pflag.Flag {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.output = console.FormatTable
	flags.VarP(&c.output, "output", "o", "output format")
	config.Bind(flags, "output")
	return flags.Lookup("output")
}

// markStart makes cmd and its subcommands set began when they start.
func markStart(cmd *cobra.Command, began *bool) {
	if runE := cmd.RunE; runE != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*began = true
			return runE(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		markStart(sub, began)
	}
}

// run sends requests to the nodes. It is limited by --timeout plus the wait.
func (c *cli) run(cmd *cobra.Command, wait time.Duration, ask func(context.Context, *lockd.Client) error) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), c.timeout+wait)
	defer cancel()
	return describeRefusal(cmd, ask(ctx, client))
}

// releasePart is the part of --timeout in which the client releases what an acquire of unknown
// outcome may have acquired, so that the whole command keeps to the timeout.
func (c *cli) releasePart() time.Duration { return min(2*time.Second, c.timeout/2) }

// readRetry is how long a read is repeated. A node itself waits longer than an election takes
// before it answers that there is no leader.
const readRetry = 3 * time.Second

// read is run for requests that change nothing.
func (c *cli) read(cmd *cobra.Command, ask func(context.Context, *lockd.Client) error) error {
	client, err := c.clientOf(c.addrs, min(c.timeout, readRetry))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), c.timeout)
	defer cancel()
	return failedCommand(cmd).DescribeRead(ask(ctx, client))
}

// client returns a client of the nodes in --addr.
func (c *cli) client() (*lockd.Client, error) { return c.clientOf(c.addrs, c.timeout) }

// waitingClient returns a client whose waits survive any outage.
func (c *cli) waitingClient(retryFor time.Duration, metrics lockd.LeaderMetrics) (*lockd.Client, error) {
	return c.newClient(lockd.Config{Addresses: c.addrs, RetryFor: retryFor, UnreachableTimeout: -1, LeaderMetrics: metrics})
}

// clientOf returns a client of the given nodes. A retryFor below zero means one pass.
func (c *cli) clientOf(addrs []string, retryFor time.Duration) (*lockd.Client, error) {
	return c.newClient(lockd.Config{Addresses: addrs, RetryFor: retryFor, UnreachableTimeout: c.timeout})
}

func (c *cli) newClient(cfg lockd.Config) (*lockd.Client, error) {
	if err := c.configure(&cfg); err != nil {
		return nil, err
	}
	client, err := connect.New(cfg)
	if err != nil {
		return nil, usageError{err}
	}
	return client, nil
}

// configure sets what all clients of a command have in common.
func (c *cli) configure(cfg *lockd.Config) error {
	cfg.Logger, cfg.HTTPClient = c.warnings, c.http
	if err := c.connect.Configure(cfg); err != nil {
		return usageError{err}
	}
	return nil
}

// confirm asks for confirmation on the terminal. Without a terminal, --yes is required, so that a
// script does not end a hold or a membership by mistake.
func (c *cli) confirm(cmd *cobra.Command, yes bool, question string) error {
	if yes {
		return nil
	}
	if !c.terminal {
		return usageError{errors.New("confirmation required: pass --yes when there is no terminal; nothing was changed")}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	var answer string
	if _, err := fmt.Fscanln(c.in, &answer); err != nil || (answer != "y" && answer != "yes") {
		return errNotConfirmed
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	lockd "github.com/lockd/lockd/clients/go"
)

// cli is what the verbs share.
type cli struct {
	in       io.Reader
	out      io.Writer
	terminal bool // somebody sits at in, and may be asked

	addrs   []string
	output  format
	timeout time.Duration

	headers     http.Header  // sent with each request, in addition to the client's own
	wrongHeader error        // what is wrong with them
	warnings    *slog.Logger // that no node answers
}

// newRootCommand builds the tree. began tells whether a verb began to run: what
// failed before that is the command line's fault.
func newRootCommand(c *cli) (root *cobra.Command, began *bool) {
	root = &cobra.Command{
		Use:   "lockd",
		Short: "Distributed locks and leader election over HTTP",
		Long: `lockd gives named, time-bounded rights: leases. A lock, an election and a
guard of a cron job are the same thing.

Where the help of a flag names a variable, that sets it, too: LOCKD_ADDR sets
--addr. A flag wins over a variable.

Exit codes: 0 done, you hold it; 75 not acquired; 76 lost; 69 no node could
serve or be reached, or the outcome is unknown; 64 wrong usage; 1 anything else.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return bindEnv(cmd) },
	}
	root.Version = thisProgram().String() // cobra adds --version and -v
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddCommand(newServerCommand(), newConfigCommand(c), newRecoverCommand(), newVersionCommand(c), newWatchdogCommand())
	verbs := []*cobra.Command{
		newAcquireCommand(c), newRenewCommand(c), newReleaseCommand(c), newTransferCommand(c), newStepDownCommand(c), newBreakCommand(c),
		newGetCommand(c), newListCommand(c), newCheckCommand(c), newHistoryCommand(c), newWatchCommand(c),
		newClusterCommand(c), newHealthCommand(c), newBenchCommand(c),
	}
	asking, output := c.askingFlags(), c.outputFlag()
	for _, verb := range verbs {
		verb.PersistentFlags().AddFlagSet(asking)
		verb.PersistentFlags().AddFlag(output)
		root.AddCommand(verb)
	}
	for _, verb := range []*cobra.Command{newLockCommand(c), newElectCommand(c), newAgentCommand(c)} {
		verb.Flags().AddFlagSet(asking)
		root.AddCommand(verb)
	}
	began = new(bool)
	tellWhenItBegins(root, began)
	return root, began
}

// askingFlags are those of the verbs that ask the nodes.
func (c *cli) askingFlags() *pflag.FlagSet {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.addrs, c.timeout = []string{lockd.DefaultAddress}, 10*time.Second
	flags.StringSliceVar(&c.addrs, "addr", c.addrs, "nodes' HTTP addresses, tried in turn; the port is 7400 unless it is given")
	flags.Var(durationOf(&c.timeout, time.Millisecond, 0), "timeout", "how long to try, in addition to any wait")
	bindable(flags, "addr", "timeout")
	c.addHeaderFlags(flags)
	return flags
}

// outputFlag is that of every verb that prints an answer.
func (c *cli) outputFlag() *pflag.Flag {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.output = formatTable
	flags.VarP(&c.output, "output", "o", "how to print")
	bindable(flags, "output")
	return flags.Lookup("output")
}

// tellWhenItBegins makes cmd and all below it tell that they began.
func tellWhenItBegins(cmd *cobra.Command, began *bool) {
	if runE := cmd.RunE; runE != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*began = true
			return runE(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		tellWhenItBegins(sub, began)
	}
}

// run asks the nodes something, for as long as --timeout and what it waits for allow.
func (c *cli) run(cmd *cobra.Command, wait time.Duration, ask func(context.Context, *lockd.Client) error) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), c.timeout+wait)
	defer cancel()
	return inWords(cmd, ask(ctx, client))
}

// releasePart is the part of --timeout in which the client releases what an acquire of
// unknown outcome may have got, so that both together keep to the timeout.
func (c *cli) releasePart() time.Duration { return min(time.Second, c.timeout/2) }

// readRetry is how long a read is repeated. A node itself waits longer than an election
// takes before it answers that there is no leader.
const readRetry = 3 * time.Second

// read is run for what changes nothing.
func (c *cli) read(cmd *cobra.Command, ask func(context.Context, *lockd.Client) error) error {
	client, err := c.clientOf(c.addrs, min(c.timeout, readRetry))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), c.timeout)
	defer cancel()
	return inWords(cmd, ofARead(cmd, ask(ctx, client)))
}

// client returns a client of the nodes that were named.
func (c *cli) client() (*lockd.Client, error) { return c.clientOf(c.addrs, c.timeout) }

// clientThatWaits returns a client that waits for a lease through any outage.
func (c *cli) clientThatWaits(retryFor time.Duration) (*lockd.Client, error) {
	return c.newClient(lockd.Config{Addresses: c.addrs, RetryFor: retryFor, UnreachableTimeout: -1})
}

// clientOf returns a client of some nodes. A retryFor below zero means one round.
func (c *cli) clientOf(addrs []string, retryFor time.Duration) (*lockd.Client, error) {
	return c.newClient(lockd.Config{Addresses: addrs, RetryFor: retryFor, UnreachableTimeout: c.timeout})
}

func (c *cli) newClient(cfg lockd.Config) (*lockd.Client, error) {
	if c.wrongHeader != nil {
		return nil, usageError{c.wrongHeader}
	}
	cfg.Headers, cfg.Logger = c.headers, c.warnings
	client, err := lockd.New(cfg)
	if err != nil {
		return nil, usageError{err}
	}
	return client, nil
}

// confirm asks whoever sits at the terminal. Where nobody does, --yes must be given,
// so that no script ends a hold or a membership by a slip.
func (c *cli) confirm(cmd *cobra.Command, yes bool, question string) error {
	if yes {
		return nil
	}
	if !c.terminal {
		return usageError{errors.New("this asks first: say --yes where nobody can answer; nothing was done")}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	var answer string
	if _, err := fmt.Fscanln(c.in, &answer); err != nil || (answer != "y" && answer != "yes") {
		return errNotConfirmed
	}
	return nil
}

func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

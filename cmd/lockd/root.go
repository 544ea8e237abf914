package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

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
}

// newRootCommand builds the tree. began tells whether a verb began to run: what
// failed before that is the command line's fault.
func newRootCommand(c *cli) (root *cobra.Command, began *bool) {
	root = &cobra.Command{
		Use:   "lockd",
		Short: "Distributed locks and leader election over HTTP",
		Long: `lockd gives named, time-bounded rights: leases. A lock, an election and a
guard of a cron job are the same thing.

Every flag can be set by an environment variable, too: --data-dir by
LOCKD_DATA_DIR. A flag wins over a variable.

Exit codes: 0 done, you hold it; 75 not acquired; 76 lost; 69 no node could be
reached, or the outcome is unknown; 64 wrong usage; 1 anything else.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return bindEnv(cmd) },
	}
	c.output = formatTable
	flags := root.PersistentFlags()
	flags.StringSliceVar(&c.addrs, "addr", []string{lockd.DefaultAddress}, "nodes' HTTP addresses, tried in turn")
	flags.VarP(&c.output, "output", "o", "how to print")
	flags.DurationVar(&c.timeout, "timeout", 10*time.Second, "how long to try, beside any wait")

	root.AddCommand(
		newServerCommand(), newRecoverCommand(),
		newAcquireCommand(c), newRenewCommand(c), newReleaseCommand(c), newTransferCommand(c), newBreakCommand(c),
		newGetCommand(c), newListCommand(c), newCheckCommand(c), newHistoryCommand(c), newWatchCommand(c),
		newClusterCommand(c), newHealthCommand(c), newVersionCommand(c),
	)
	began = new(bool)
	prepare(root, began)
	return root, began
}

// prepare shows each flag's variable in the help of cmd and all below it, and
// makes them note that they began.
func prepare(cmd *cobra.Command, began *bool) {
	showEnv(cmd)
	if runE := cmd.RunE; runE != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*began = true
			return runE(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		prepare(sub, began)
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
	return ask(ctx, client)
}

// client returns a client of the nodes that were named.
func (c *cli) client() (*lockd.Client, error) {
	client, err := lockd.New(lockd.Config{Addresses: c.addrs, RetryFor: c.timeout})
	if err != nil {
		return nil, usageError{err}
	}
	return client, nil
}

// confirm asks whoever sits at the terminal; where nobody does, it is a yes.
func (c *cli) confirm(cmd *cobra.Command, yes bool, question string) error {
	if yes || !c.terminal {
		return nil
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

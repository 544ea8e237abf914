package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/failure"
)

// report prints an error of cmd, and returns the exit code. began is whether cmd has started to run.
func (c *cli) report(cmd *cobra.Command, err error, began bool, errOut io.Writer) int {
	code := exitCode(err)
	var exit exitError
	if errors.As(err, &exit) {
		err = exit.err
	} else if !began {
		code = exitUsage // an error of cobra about the command line
	}
	if err == nil {
		return code
	}
	fmt.Fprintln(errOut, console.NewStyle(errOut).Paint(console.Red, "lockd:"), readable(err))
	if code == exitUsage && exit.code == 0 {
		fmt.Fprintf(errOut, "Run '%s --help' for usage.\n", cmd.CommandPath())
	}
	c.printProblem(cmd, err, code)
	return code
}

// printProblem prints an error as JSON if that is the format and nothing was printed, so that the output is one
// document. A stream of documents ends with it.
func (c *cli) printProblem(cmd *cobra.Command, err error, code int) {
	flag := cmd.Flags().Lookup("output")
	if flag == nil || c.printed && !c.stream {
		return
	}
	if !flag.Changed && code == exitUsage { // the flags may not have been parsed to their end
		c.output = failure.FormatIn(c.args, os.Getenv(config.EnvName("output")))
	}
	if c.output != console.FormatJSON {
		return
	}
	indent := "  "
	if c.stream {
		indent = ""
	}
	_ = console.PrintJSON(c.out, failure.New(err, titleOf(code), code), indent) // the exit code reports the failure
}

// titleOf returns the title of an error that is no refusal by a node.
func titleOf(code int) string {
	switch code {
	case exitUsage:
		return "Invalid command line"
	case exitUnreachable:
		return "No answer from the cluster"
	case exitNotAcquired:
		return "Lease not acquired"
	case exitLost:
		return "Lease lost"
	}
	return "Command failed"
}

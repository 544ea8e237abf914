// Command lockd is the server of a distributed lock and leader-election service,
// and its command line.
package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/lockd/lockd/internal/console"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// warningDelay is how long a command must continue after a warning for the warning to be printed. A
// command that ends at once prints an error with the same content.
const warningDelay = 300 * time.Millisecond

// execute executes one command line and returns its exit code.
func execute(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	c := &cli{in: in, out: out, terminal: console.IsTerminal(in), screen: console.NewScreen(out), args: args}
	c.status = console.NewStatusLine(errOut)
	w := &console.Warnings{To: c.status, Delay: warningDelay, Style: console.NewStyle(errOut)}
	c.warnings = slog.New(w)
	root, began := newRootCommand(c)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	cmd, err := root.ExecuteContextC(ctx)
	w.Stop() // the error, if there is one, has the same content
	if err == nil {
		return exitOK
	}
	return c.report(cmd, err, *began, errOut)
}

// readable returns the text of an error without control characters of the terminal.
func readable(err error) string {
	lines := strings.Split(console.ErrorText(err), "\n")
	for i, line := range lines {
		lines[i] = console.Plain(strings.ReplaceAll(line, "\t", "  ")) // cobra indents its suggestions
	}
	return strings.Join(lines, "\n")
}

//go:build !linux

package guard

import (
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

var errNeedsLinux = errors.New("guard: a command can be guarded on Linux only")

// Run refuses: this system cannot say when all that a command started has ended.
func Run(Command, Lease, Options) (Result, error) { return Result{}, errNeedsLinux }

// Watch refuses as Run does.
func Watch(int) error { return errNeedsLinux }

// Signals hears what would be passed on to a command.
func Signals() <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return signals
}

// Ends reports whether a signal ends who does not heed it: both do.
func Ends(syscall.Signal) bool { return true }

// SignalNamed knows those that every system has.
func SignalNamed(name string) (syscall.Signal, bool) {
	s, ok := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}[strings.TrimPrefix(strings.ToUpper(name), "SIG")]
	return s, ok
}

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

// Run returns an error: this system cannot report when all processes of a command have ended.
func Run(Command, Lease, Options) (Result, error) { return Result{}, errNeedsLinux }

// Watch returns the same error as Run.
func Watch(int) error { return errNeedsLinux }

// Signals returns a channel of the signals that would be forwarded to a command.
func Signals() <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return signals
}

// Ends reports whether a signal ends a process by default: both do.
func Ends(syscall.Signal) bool { return true }

// SignalNamed returns the signal with that name. It knows the signals that every system has.
func SignalNamed(name string) (syscall.Signal, bool) {
	s, ok := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}[strings.TrimPrefix(strings.ToUpper(name), "SIG")]
	return s, ok
}

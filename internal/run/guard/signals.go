//go:build linux

package guard

import (
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Signals that are forwarded to a command, those that a terminal sends to the whole foreground
// group, and those that end lockd.
var (
	forwarded  = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH}
	keySignals = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGWINCH}
	endSignals = []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM}
)

// Signals returns a channel of the signals to forward to a command. Signals that this process
// ignores from its start, for example because of nohup, stay ignored.
func Signals() <-chan os.Signal {
	signals := make(chan os.Signal, len(forwarded))
	notify(signals, forwarded...)
	return signals
}

// Ends reports whether a signal ends a process by default.
func Ends(s syscall.Signal) bool {
	return s == syscall.SIGHUP || slices.Contains(endSignals, os.Signal(s))
}

// SignalNamed returns the signal of a name such as TERM or SIGTERM.
func SignalNamed(name string) (syscall.Signal, bool) {
	s := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG"))
	return s, s != 0
}

// catchSignals keeps the watchdog alive: signals that a terminal or a service manager sends to all
// processes are forwarded by the caller.
func catchSignals() {
	notify(make(chan os.Signal, 1), slices.Concat(forwarded, []os.Signal{syscall.SIGPIPE, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU})...)
}

func notify(to chan<- os.Signal, signals ...os.Signal) {
	for _, s := range signals {
		if !signal.Ignored(s) {
			signal.Notify(to, s)
		}
	}
}

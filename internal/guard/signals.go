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

// Those that a command is to have for its own, and what the keys of a terminal and
// its end send to the whole foreground group.
var (
	passed    = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH}
	ofKeys    = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGWINCH}
	ofEndings = []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM}
)

// Signals hears what is to be passed on to a command. What this process was told
// to ignore, as by nohup, stays ignored.
func Signals() <-chan os.Signal {
	signals := make(chan os.Signal, len(passed))
	hear(signals, passed...)
	return signals
}

// Ends reports whether a signal ends who does not heed it.
func Ends(s syscall.Signal) bool {
	return s == syscall.SIGHUP || slices.Contains(ofEndings, os.Signal(s))
}

// SignalNamed returns the signal of a name such as TERM or SIGTERM.
func SignalNamed(name string) (syscall.Signal, bool) {
	s := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG"))
	return s, s != 0
}

// hearNoSignals leaves the watchdog to its task: those that a terminal or a
// service manager sends to all are the caller's to pass on.
func hearNoSignals() {
	hear(make(chan os.Signal, 1), slices.Concat(passed, []os.Signal{syscall.SIGPIPE, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU})...)
}

func hear(to chan<- os.Signal, signals ...os.Signal) {
	for _, s := range signals {
		if !signal.Ignored(s) {
			signal.Notify(to, s)
		}
	}
}

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// surviveClosedOutput makes a write to a closed standard output or error return an
// error. Without it Go ends the process by SIGPIPE, so that a log reader that ends
// would end a server. The signal is caught, not ignored: a command that lockd starts
// must not inherit that. The verbs that answer once and end keep the usual behavior.
func surviveClosedOutput() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// surviveHangup calls heard for each SIGHUP, which ends the process otherwise. The
// terminal sends it when it closes, and service managers send it for a reload.
func surviveHangup(heard func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			heard()
		}
	}()
}

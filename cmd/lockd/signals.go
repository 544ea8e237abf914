package main

import (
	"os"
	"os/signal"
	"syscall"
)

// surviveClosedOutput makes a write to a closed standard output or error return an error. Otherwise
// Go ends the process by SIGPIPE, so that the end of a log reader would end a server. The signal is
// caught and not ignored, because a command that lockd starts would inherit an ignored signal.
// Commands that print one response keep the default.
func surviveClosedOutput() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// surviveHangup calls onHangup for each SIGHUP, which otherwise ends the process. The terminal
// sends it when it closes, and service managers send it for a reload.
func surviveHangup(onHangup func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			onHangup()
		}
	}()
}

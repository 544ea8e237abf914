//go:build linux

package guard

import (
	"encoding/gob"
	"io"
	"syscall"
	"time"
)

// An order is a message of the caller to the watchdog. Orders are encoded with gob, because
// arguments and environment may contain any bytes.
type order struct {
	Run    *run
	Until  *deadline      // all processes are killed then
	Signal syscall.Signal // forwarded to the command
	End    *end
}

// run starts the command. It comes with a deadline, if there is one, so that nothing runs without
// one.
type run struct {
	Command
	Group int // process group of the command; 0: a new one
}

// end terminates all processes, and kills them after Within.
type end struct {
	Within time.Duration
}

// A report is a message of the watchdog to the caller.
type report struct {
	Refused *Error // the command could not be started
	Ending  bool   // the deadline is near: the command was sent its kill signal
	Ended   bool   // all processes have ended
	Code    int    // exit code of the command itself
}

// receive decodes messages until the other side has ended.
func receive[T any](from io.Reader) <-chan T {
	messages := make(chan T)
	go func() {
		defer close(messages)
		decoder := gob.NewDecoder(from)
		for {
			var m T
			if decoder.Decode(&m) != nil {
				return
			}
			messages <- m
		}
	}()
	return messages
}

//go:build linux

package guard

import (
	"encoding/gob"
	"io"
	"syscall"
	"time"
)

// An order is what the caller tells the watchdog. They are carried by gob, since
// arguments and environment are any bytes.
type order struct {
	Run    *run
	Until  *deadline      // all is killed then
	Signal syscall.Signal // pass this on
	End    *end
}

// run comes with a deadline, where there is one, so that nothing runs without it.
type run struct {
	Command
	Group int // which the command joins; 0: one of its own
}

// end has all asked to end, and killed after so long.
type end struct {
	Within time.Duration
}

// A report is what the watchdog tells the caller.
type report struct {
	Refused *Error // it could not be started
	Ending  bool   // the deadline is near: it was asked to end
	Ended   bool   // all is over
	Code    int    // how the command itself ended
}

// receive reads what is sent until the other side has ended.
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

package guard

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// A Lease is what the command must not outlive.
type Lease interface {
	Remaining() time.Duration           // until its local deadline
	Extended() <-chan struct{}          // closed when that moves
	StepDownRequested() <-chan struct{} // closed when its holder is asked to hand over
	Context() context.Context           // ends with the lease, with the cause
}

// Options say how a caller guards.
type Options struct {
	// Watchdog are the arguments that make this program call Watch with the number
	// that is added to them.
	Watchdog []string

	// Signals are passed on to the command.
	Signals <-chan os.Signal

	// Margin is how long before the deadline of the lease all is killed: even on a
	// machine with much to do it must be dead by then, and not only dying.
	Margin time.Duration

	// Grace says how long the command may still run after a loss of this cause, to
	// end by itself; 0 and less: it is killed at once.
	Grace func(cause error) time.Duration

	// Tell is told once that the lease is lost, or will be, and whether the command
	// goes on. It is told when what ends the command was done.
	Tell func(cause error, goesOn bool)

	// Unguarded lets the command go on after a loss.
	Unguarded bool
}

// A Result is what came of a command.
type Result struct {
	Code  int            // its own exit code, or 128 plus the number of the signal that ended it
	Lost  error          // why the lease was lost before all had ended; nil: it was not
	Asked syscall.Signal // the last of INT, QUIT and TERM that this process got; 0: none
}

var (
	// ErrTooLate is the loss of a lease that was not renewed in time: its command
	// was asked to end so early that it could be dead at the deadline.
	ErrTooLate = errors.New("the lease was not renewed in time")

	errNoEnd    = errors.New("the command did not end in time")
	errWatchdog = errors.New("the watchdog has died, and all that it guarded was killed")
)

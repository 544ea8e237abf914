package guard

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// A Lease is the lease that the command must not outlive.
type Lease interface {
	Remaining() time.Duration           // until the local deadline
	Extended() <-chan struct{}          // closed when the deadline moves
	StepDownRequested() <-chan struct{} // closed when a step-down of the holder was requested
	Context() context.Context           // ends with the lease, with the cause
}

// Options configure a guard.
type Options struct {
	// Watchdog are the arguments with which this program calls Watch. Run appends the number of a
	// file descriptor, which is the argument of Watch.
	Watchdog []string

	// Signals are forwarded to the command.
	Signals <-chan os.Signal

	// Margin is how long before the deadline of the lease all processes are killed. Even on a busy
	// machine they must be dead by the deadline.
	Margin time.Duration

	// Grace returns how long the command may still run after a loss with this cause, to end by
	// itself. Zero or less: it is killed at once.
	Grace func(cause error) time.Duration

	// OnLoss is called once, when the lease is lost or about to be, with whether the command
	// continues. It is called after the command was sent the kill signal, or was killed.
	OnLoss func(cause error, continues bool)

	// Unguarded lets the command continue after a loss.
	Unguarded bool
}

// A Result is the outcome of a command.
type Result struct {
	Code      int            // its own exit code, or 128 plus the number of the signal that ended it
	Lost      error          // why the lease was lost before all processes ended; nil: not lost
	EndSignal syscall.Signal // the last INT, QUIT or TERM that this process received; 0: none
}

var (
	// ErrTooLate is the loss of a lease that was not renewed in time. The command was sent its
	// kill signal early enough to be dead at the deadline.
	ErrTooLate = errors.New("the lease was not renewed in time")

	errNoEnd    = errors.New("the command did not end in time")
	errWatchdog = errors.New("the watchdog has died; the command and all its processes were killed")
)

package run

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/run/guard"
)

// Config is a lease, and the command that runs while the lease is held.
type Config struct {
	Client  *lockd.Client
	Name    string               // of the lease
	Acquire lockd.AcquireOptions // without a session and a wait: each hold has its own session
	Command guard.Command        // without an environment, which depends on the lease

	// Addresses are those of the nodes, for the environment of the command. CAFile has the authorities of their
	// certificates, unless it is "".
	Addresses []string
	CAFile    string

	// Watchdog are the arguments with which this program calls guard.Watch.
	Watchdog []string

	// Signals are forwarded to the command. While no command runs, those that end a process end the wait. SIGHUP does
	// so only if HangupEndsWait is set.
	Signals        <-chan os.Signal
	HangupEndsWait bool

	// AttemptTimeout limits the first attempt to acquire the lease, which does not wait. ReleaseTimeout limits the
	// release of what a failed acquire may have acquired.
	AttemptTimeout, ReleaseTimeout time.Duration

	Log     io.Writer // receives one line per Write, and must not block
	Quiet   bool      // do not log that the lease was lost or not released
	Verbose bool      // log the current holder during a wait, the acquire and the release

	Progress func(context.Context) // shows the progress of a wait until the context ends; nil: not shown
}

const (
	// A command may take at most a third of the TTL to terminate, so that a renewal can still
	// succeed after one attempt at an unresponsive node. The default is a quarter.
	killAfterDivisor        = 3
	defaultKillAfterDivisor = 4
	maxDefaultKillAfter     = 5 * time.Second
)

// KillAfter returns how long a command may take to terminate under a lease with this TTL: what was chosen, or the
// default if that is 0. It returns an error if the chosen time is too long.
func KillAfter(chosen, ttl time.Duration) (time.Duration, error) {
	if most := ttl / killAfterDivisor; chosen > most {
		return 0, fmt.Errorf("must be at most a third of the TTL, %v, so that a renewal can be retried", most)
	}
	return cmp.Or(chosen, min(maxDefaultKillAfter, ttl/defaultKillAfterDivisor)), nil
}

// ShellArgs returns the arguments with which the shell runs a line.
func ShellArgs(line string) []string { return []string{"sh", "-c", line} }

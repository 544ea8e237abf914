//go:build linux

package guard

import (
	"encoding/gob"
	"errors"
	"os"
	"runtime"
	"syscall"
	"time"
)

const (
	// clockCheckInterval limits how late the deadline is checked after a suspension of the machine
	// or a jump of the wall clock.
	clockCheckInterval = 50 * time.Millisecond

	// killInterval is how often the remaining processes are killed again. A process may have
	// started a child during the search.
	killInterval = 5 * time.Millisecond
)

// A watchdog is the parent of one command.
type watchdog struct {
	command run
	encoder *gob.Encoder
	pid     int              // process ID of the command
	ended   bool             // the command itself has ended; processes that it started may run
	code    int              // its exit code
	until   *deadline        // all processes are killed then; nil: no deadline
	grace   *deadline        // deadline of a termination; nil: none was started
	orders  <-chan order     // closed when the caller has ended
	exits   <-chan childExit // closed when no process is left
}

type childExit struct {
	pid    int
	status syscall.WaitStatus
}

// Watch runs the watchdog. It executes the orders that it receives on the socket of Run, and
// returns when all processes have ended.
func Watch(fd int) error {
	// The kernel kills the command when the thread that started it ends.
	runtime.LockOSThread()
	syscall.CloseOnExec(fd)
	socket := os.NewFile(uintptr(fd), "caller")
	if socket == nil {
		return errNoCaller
	}
	defer socket.Close()
	catchSignals()
	if err := adopt(); err != nil {
		return err
	}
	w := &watchdog{encoder: gob.NewEncoder(socket), orders: receive[order](socket)}
	first, ok := <-w.orders
	if !ok || first.Run == nil {
		return errNoCaller
	}
	w.command, w.until = *first.Run, first.Until
	defer w.drainOrders()
	if w.until != nil && w.until.left() <= 0 { // the start may have taken long
		return errors.Join(w.encoder.Encode(report{Ending: true}), w.encoder.Encode(report{Ended: true, Code: CodeOf(syscall.SIGKILL)}))
	}
	if refused := w.start(); refused != nil {
		return w.encoder.Encode(report{Refused: refused})
	}
	w.exits = reapAll()
	w.guard()
	return nil
}

// drainOrders reads orders until the caller has read the last report, or has ended. A failed order
// would make the caller report a dead watchdog.
func (w *watchdog) drainOrders() {
	if w.orders != nil {
		for range w.orders {
		}
	}
}

var errNoCaller = errors.New("the watchdog can only be started by lockd itself")

func (w *watchdog) start() *Error {
	pid, err := syscall.ForkExec(w.command.Path, w.command.Args, &syscall.ProcAttr{
		Env: w.command.Env, Files: []uintptr{0, 1, 2},
		Sys: &syscall.SysProcAttr{Setpgid: true, Pgid: w.command.Group, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return startError(w.command.Args[0], err)
	}
	w.pid = pid
	return nil
}

// reapAll waits for each child, including adopted ones.
func reapAll() <-chan childExit {
	deaths := make(chan childExit)
	go func() {
		defer close(deaths)
		for {
			var d childExit
			var err error
			d.pid, err = syscall.Wait4(-1, &d.status, 0, nil)
			switch {
			case errors.Is(err, syscall.EINTR):
			case err != nil: // ECHILD: no process is left
				return
			default:
				deaths <- d
			}
		}
	}()
	return deaths
}

// guard returns when no process is left.
func (w *watchdog) guard() {
	for {
		select {
		case o, ok := <-w.orders:
			if ok {
				w.apply(o)
				continue
			}
			w.orders = nil
			w.terminate(w.command.KillAfter) // the lease is no longer renewed
		case d, ok := <-w.exits:
			if !ok {
				_ = w.encoder.Encode(report{Ended: true, Code: w.code}) // a caller that has died needs no report
				return
			}
			if d.pid == w.pid {
				w.ended, w.code = true, code(d.status)
				w.terminate(w.command.KillAfter) // the processes that it left running
			}
		case <-time.After(w.step()):
		}
	}
}

func (w *watchdog) apply(o order) {
	switch {
	case o.Until != nil:
		w.until = o.Until
	case o.End != nil:
		w.terminate(o.End.Within)
	case o.Signal != 0 && !w.ended:
		w.forward(o.Signal)
	}
}

// step does what is due, and returns the time until the next step.
func (w *watchdog) step() time.Duration {
	if w.until == nil && w.grace == nil {
		return clockCheckInterval
	}
	left := w.left()
	if w.grace == nil && left <= w.command.KillAfter {
		w.terminate(w.command.KillAfter)
		_ = w.encoder.Encode(report{Ending: true})
	}
	switch {
	case left <= 0:
		w.killAll()
		return killInterval
	case w.grace == nil:
		left -= w.command.KillAfter
	}
	return min(left, clockCheckInterval)
}

// left returns the time until all processes are killed, because of the lease or of a termination.
func (w *watchdog) left() time.Duration {
	switch {
	case w.grace == nil:
		return w.until.left()
	case w.until == nil:
		return w.grace.left()
	}
	return min(w.grace.left(), w.until.left())
}

// terminate sends the kill signal to all processes, and kills them after within. A further call can
// shorten that time, and never extends it.
func (w *watchdog) terminate(within time.Duration) {
	limit := after(within)
	if w.grace != nil {
		if limit.left() < w.grace.left() {
			w.grace = &limit
		}
		return
	}
	w.grace = &limit
	all := descendants(nil)
	signalAll(all, w.command.KillSignal)
	signalAll(all, syscall.SIGCONT) // a stopped process handles no other signal
}

func (w *watchdog) killAll() {
	if !w.ended && w.command.Group == 0 {
		_ = syscall.Kill(-w.pid, syscall.SIGKILL) // all at once, so that none observes the death of another
	}
	signalAll(descendants(nil), syscall.SIGKILL)
}

// forward sends a signal of the caller to the process group of the command. In the foreground of a
// terminal it sends it only to the command, because the caller is in the same group.
func (w *watchdog) forward(s syscall.Signal) {
	to := -w.pid
	if w.command.Group != 0 {
		to = w.pid
	}
	_ = syscall.Kill(to, s) // if the command has ended, this is reported soon
}

func code(s syscall.WaitStatus) int {
	if s.Signaled() {
		return CodeOf(s.Signal())
	}
	return s.ExitStatus()
}

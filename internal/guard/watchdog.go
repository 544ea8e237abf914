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
	// lookEvery bounds how late a machine that was suspended, or whose wall clock
	// jumped, looks at the deadline.
	lookEvery = 50 * time.Millisecond

	// killEvery is how often what still lives is killed once more: it may have
	// had a child while it was looked for.
	killEvery = 5 * time.Millisecond
)

// A watchdog is the parent of one command.
type watchdog struct {
	command run
	tell    *gob.Encoder
	pid     int          // of the command
	ended   bool         // the command itself; what it started may live
	code    int          // how it ended
	until   *deadline    // all is killed then; nil: there is none
	grace   *deadline    // of what was asked to end; nil: nothing was
	orders  <-chan order // closed when the caller has ended
	deaths  <-chan death // closed when nobody is left
}

type death struct {
	pid    int
	status syscall.WaitStatus
}

// Watch is the watchdog: it runs what it is told on the socket that Run made, and
// returns when all of it has ended.
func Watch(fd int) error {
	// The kernel kills the command when the thread that started it ends.
	runtime.LockOSThread()
	syscall.CloseOnExec(fd)
	socket := os.NewFile(uintptr(fd), "caller")
	if socket == nil {
		return errNoCaller
	}
	defer socket.Close()
	hearNoSignals()
	if err := adopt(); err != nil {
		return err
	}
	w := &watchdog{tell: gob.NewEncoder(socket), orders: receive[order](socket)}
	first, ok := <-w.orders
	if !ok || first.Run == nil {
		return errNoCaller
	}
	w.command, w.until = *first.Run, first.Until
	defer w.stay()
	if w.until != nil && w.until.left() <= 0 { // it may have taken long to come here
		return errors.Join(w.tell.Encode(report{Ending: true}), w.tell.Encode(report{Ended: true, Code: CodeOf(syscall.SIGKILL)}))
	}
	if refused := w.start(); refused != nil {
		return w.tell.Encode(report{Refused: refused})
	}
	w.deaths = waitForAll()
	w.guard()
	return nil
}

// stay waits until the caller has taken the last report, or has ended. What it
// orders until then must reach somebody, else it counts the watchdog as dead.
func (w *watchdog) stay() {
	if w.orders != nil {
		for range w.orders {
		}
	}
}

var errNoCaller = errors.New("a watchdog is started by lockd itself")

func (w *watchdog) start() *Error {
	pid, err := syscall.ForkExec(w.command.Path, w.command.Args, &syscall.ProcAttr{
		Env: w.command.Env, Files: []uintptr{0, 1, 2},
		Sys: &syscall.SysProcAttr{Setpgid: true, Pgid: w.command.Group, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return refusal(w.command.Args[0], err)
	}
	w.pid = pid
	return nil
}

// waitForAll waits for each child, those that were adopted included.
func waitForAll() <-chan death {
	deaths := make(chan death)
	go func() {
		defer close(deaths)
		for {
			var d death
			var err error
			d.pid, err = syscall.Wait4(-1, &d.status, 0, nil)
			switch {
			case errors.Is(err, syscall.EINTR):
			case err != nil: // ECHILD: nobody is left
				return
			default:
				deaths <- d
			}
		}
	}()
	return deaths
}

// guard returns when nobody is left.
func (w *watchdog) guard() {
	for {
		select {
		case o, ok := <-w.orders:
			if ok {
				w.obey(o)
				continue
			}
			w.orders = nil
			w.askToEnd(w.command.KillAfter) // nobody renews any more
		case d, ok := <-w.deaths:
			if !ok {
				_ = w.tell.Encode(report{Ended: true, Code: w.code}) // a caller that has died needs no report
				return
			}
			if d.pid == w.pid {
				w.ended, w.code = true, code(d.status)
				w.askToEnd(w.command.KillAfter) // what it left behind
			}
		case <-time.After(w.turn()):
		}
	}
}

func (w *watchdog) obey(o order) {
	switch {
	case o.Until != nil:
		w.until = o.Until
	case o.End != nil:
		w.askToEnd(o.End.Within)
	case o.Signal != 0 && !w.ended:
		w.pass(o.Signal)
	}
}

// turn does what is due, and returns when to look again.
func (w *watchdog) turn() time.Duration {
	if w.until == nil && w.grace == nil {
		return lookEvery
	}
	left := w.left()
	if w.grace == nil && left <= w.command.KillAfter {
		w.askToEnd(w.command.KillAfter)
		_ = w.tell.Encode(report{Ending: true})
	}
	switch {
	case left <= 0:
		w.killAll()
		return killEvery
	case w.grace == nil:
		left -= w.command.KillAfter
	}
	return min(left, lookEvery)
}

// left returns how long it is until all is killed: for the sake of the lease, or
// when what was asked to end has had its time.
func (w *watchdog) left() time.Duration {
	switch {
	case w.grace == nil:
		return w.until.left()
	case w.until == nil:
		return w.grace.left()
	}
	return min(w.grace.left(), w.until.left())
}

// askToEnd sends all the signal that asks, and has what does not heed it killed.
// Asked again they may have less time, and no more.
func (w *watchdog) askToEnd(within time.Duration) {
	by := in(within)
	if w.grace != nil {
		if by.left() < w.grace.left() {
			w.grace = &by
		}
		return
	}
	w.grace = &by
	all := descendants(nil)
	signalAll(all, w.command.KillSignal)
	signalAll(all, syscall.SIGCONT) // who is stopped hears nothing else
}

func (w *watchdog) killAll() {
	if !w.ended && w.command.Group == 0 {
		_ = syscall.Kill(-w.pid, syscall.SIGKILL) // all at once, so that none sees another die
	}
	signalAll(descendants(nil), syscall.SIGKILL)
}

// pass sends the command a signal of the caller's: its group, or in the terminal's
// foreground itself alone, since the caller is of that group.
func (w *watchdog) pass(s syscall.Signal) {
	to := -w.pid
	if w.command.Group != 0 {
		to = w.pid
	}
	_ = syscall.Kill(to, s) // it has ended: that is told soon
}

func code(s syscall.WaitStatus) int {
	if s.Signaled() {
		return CodeOf(s.Signal())
	}
	return s.ExitStatus()
}

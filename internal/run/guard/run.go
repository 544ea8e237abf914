//go:build linux

package guard

import (
	"cmp"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// orderTimeout is how long the watchdog may take to read an order. A watchdog that reads no orders
// guards nothing.
const orderTimeout = time.Second

// Run runs a command while the lease is held, and returns when the command and all processes that
// it started have ended. If the lease has already ended, it starts nothing.
func Run(command Command, lease Lease, opts Options) (Result, error) {
	if cause := endCause(lease); cause != nil {
		opts.OnLoss(cause, false)
		return Result{Lost: cause}, nil
	}
	if err := adopt(); err != nil {
		return Result{}, fmt.Errorf("guard: %w", err)
	}
	g := &guarded{lease: lease, opts: opts, foreground: command.Foreground, killSignal: command.KillSignal,
		foreignChildren: childrenOf()[os.Getpid()]}
	if err := g.begin(command); err != nil {
		return Result{}, fmt.Errorf("guard: %w", err)
	}
	defer g.socket.Close()
	return g.run()
}

// endCause returns why a lease has ended; nil if it has not.
func endCause(lease Lease) error {
	if lease.Context().Err() == nil && lease.Remaining() > 0 {
		return nil
	}
	return cmp.Or(context.Cause(lease.Context()), ErrTooLate)
}

// guarded is the caller's view of a command under guard.
type guarded struct {
	lease           Lease
	opts            Options
	foreground      bool
	killSignal      syscall.Signal
	foreignChildren []int // earlier children of this process, which belong to the program that executed it
	socket          *os.File
	encoder         *gob.Encoder
	reports         <-chan report // closed when the watchdog has ended
	watchdog        int           // its process ID
	result          Result
	lossReported    bool // OnLoss was called

	// Events that run waits for; nil: not expected.
	extended, lost, stepDown <-chan struct{}
	killTimer                <-chan time.Time // kills all processes if they did not terminate after a loss
}

// begin starts the watchdog, which starts the command.
func (g *guarded) begin(command Command) error {
	// The watchdog's end keeps its number, so that other inherited descriptors keep theirs.
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(ends[1])
	syscall.CloseOnExec(ends[0])
	if err := syscall.SetNonblock(ends[0], true); err != nil {
		return err
	}
	g.socket = os.NewFile(uintptr(ends[0]), "watchdog")
	self := append(append([]string{os.Args[0]}, g.opts.Watchdog...), strconv.Itoa(ends[1]))
	g.watchdog, err = syscall.ForkExec("/proc/self/exe", self, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		g.socket.Close()
		return err
	}
	g.encoder = gob.NewEncoder(g.socket)
	g.reports = receive[report](g.socket)
	first := run{Command: command}
	if command.Foreground {
		first.Group = syscall.Getpgrp()
	}
	return g.order(order{Run: &first, Until: g.until()})
}

// until returns the deadline for all processes; nil if the command may outlive the lease.
func (g *guarded) until() *deadline {
	if g.opts.Unguarded {
		return nil
	}
	by := deadlineOf(g.lease).plus(-g.opts.Margin)
	return &by
}

func (g *guarded) order(o order) error {
	if err := g.socket.SetWriteDeadline(time.Now().Add(orderTimeout)); err != nil {
		return err
	}
	return g.encoder.Encode(o)
}

// run returns when all processes have ended.
func (g *guarded) run() (Result, error) {
	g.lost, g.stepDown = g.lease.Context().Done(), g.lease.StepDownRequested()
	err := g.sendDeadline()
	for ended := false; err == nil; {
		if ended, err = g.next(); ended {
			g.reportLoss()
			return g.result, err
		}
		if err == nil {
			g.reportLoss()
		}
	}
	g.killAll()
	g.reportLoss()
	g.result.Code = CodeOf(syscall.SIGKILL)
	if g.result.Lost != nil {
		return g.result, nil
	}
	return g.result, fmt.Errorf("guard: %w", err)
}

// next handles the next event. After an error without ended, the caller kills all processes.
func (g *guarded) next() (ended bool, err error) {
	select {
	case <-g.extended:
		return false, g.sendDeadline()
	case <-g.lost:
		g.lost = nil
		return false, g.lose(context.Cause(g.lease.Context()))
	case <-g.killTimer:
		return false, errNoEnd
	case <-g.stepDown:
		g.stepDown = nil
		return false, g.order(order{Signal: g.killSignal}) // a step-down does not kill the command
	case s := <-g.opts.Signals:
		return false, g.forward(s)
	case r, ok := <-g.reports:
		if !ok {
			return false, errWatchdog
		}
		return g.handleReport(r)
	}
}

// sendDeadline sends the current deadline of the lease to the watchdog.
func (g *guarded) sendDeadline() error {
	g.extended = g.lease.Extended()
	until := g.until()
	if until == nil || g.lease.Context().Err() != nil {
		return nil
	}
	return g.order(order{Until: until})
}

// lose terminates the command, within the grace that the cause allows. The last deadline of the
// watchdog stays in force.
func (g *guarded) lose(cause error) error {
	g.setLost(cause)
	if g.opts.Unguarded {
		return nil
	}
	grace := g.opts.Grace(cause)
	if grace <= 0 {
		return cause
	}
	g.killTimer = time.After(grace + clockCheckInterval)
	return g.order(order{End: &end{Within: grace}})
}

// setLost records why the lease is lost. It keeps the first cause.
func (g *guarded) setLost(cause error) {
	if g.result.Lost == nil {
		g.result.Lost = cause
	}
}

// reportLoss calls OnLoss once after a loss.
func (g *guarded) reportLoss() {
	if g.result.Lost != nil && !g.lossReported {
		g.lossReported = true
		g.opts.OnLoss(g.result.Lost, g.opts.Unguarded)
	}
}

// forward forwards a signal, unless the command receives it from the terminal.
func (g *guarded) forward(s os.Signal) error {
	number, ok := s.(syscall.Signal)
	if slices.Contains(endSignals, s) {
		g.result.EndSignal = number
	}
	if !ok || g.foreground && slices.Contains(keySignals, s) {
		return nil
	}
	return g.order(order{Signal: number})
}

// handleReport handles a report of the watchdog.
func (g *guarded) handleReport(r report) (ended bool, err error) {
	switch {
	case r.Ending:
		g.setLost(ErrTooLate)
		return false, nil
	case r.Ended:
		g.result.Code = r.Code
		if cause := endCause(g.lease); cause != nil { // the loss may not have been noticed yet
			g.setLost(cause)
		}
	case r.Refused != nil:
		err = r.Refused
	}
	_ = syscall.Kill(g.watchdog, syscall.SIGKILL) // it has no more work
	_ = wait(g.watchdog, 0)
	return true, err
}

// killAll kills the watchdog and all processes below it, and returns when none is left.
func (g *guarded) killAll() {
	for quiet := 0; quiet < 2; { // a process may start a child during the search
		all := descendants(g.foreignChildren)
		quiet++
		if len(all) > 0 {
			quiet = 0
		}
		signalAll(all, syscall.SIGKILL)
		for _, pid := range all {
			_ = wait(pid, syscall.WNOHANG) // some are not yet children of this process
		}
		time.Sleep(killInterval)
	}
}

func wait(pid, options int) error {
	for {
		if _, err := syscall.Wait4(pid, nil, options, nil); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

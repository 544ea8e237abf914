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

// orderTimeout is how long the watchdog may take to read an order: one that takes
// none guards nothing.
const orderTimeout = time.Second

// Run runs a command for as long as the lease is held, and returns when the
// command and all that it started have ended. Under a lease that is over already
// nothing begins.
func Run(command Command, lease Lease, opts Options) (Result, error) {
	if cause := over(lease); cause != nil {
		opts.Tell(cause, false)
		return Result{Lost: cause}, nil
	}
	if err := adopt(); err != nil {
		return Result{}, fmt.Errorf("guard: %w", err)
	}
	g := &guarded{lease: lease, opts: opts, foreground: command.Foreground, killSignal: command.KillSignal,
		strangers: childrenOf()[os.Getpid()]}
	if err := g.begin(command); err != nil {
		return Result{}, fmt.Errorf("guard: %w", err)
	}
	defer g.socket.Close()
	return g.run()
}

// over returns why a lease is over; nil: it is not.
func over(lease Lease) error {
	if lease.Context().Err() == nil && lease.Remaining() > 0 {
		return nil
	}
	return cmp.Or(context.Cause(lease.Context()), ErrTooLate)
}

// guarded is a command under guard, as its caller sees it.
type guarded struct {
	lease      Lease
	opts       Options
	foreground bool
	killSignal syscall.Signal
	strangers  []int // children that this process had before: whoever it was executed by
	socket     *os.File
	tell       *gob.Encoder
	reports    <-chan report // closed when the watchdog has ended
	watchdog   int           // its process id
	result     Result
	told       bool // of the loss

	// What run waits for; nil: not any more, or not yet.
	extended, lost, stepDown <-chan struct{}
	patience                 <-chan time.Time // what was asked to end after a loss is killed then
}

// begin starts the watchdog, and has it start the command.
func (g *guarded) begin(command Command) error {
	// The end that the watchdog inherits keeps its number, so that whatever else this
	// process was given to inherit keeps its own.
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
	g.tell = gob.NewEncoder(g.socket)
	g.reports = receive[report](g.socket)
	first := run{Command: command}
	if command.Foreground {
		first.Group = syscall.Getpgrp()
	}
	return g.order(order{Run: &first, Until: g.until()})
}

// until is when all must be dead; nil where the command may outlive the lease.
func (g *guarded) until() *deadline {
	if g.opts.Unguarded {
		return nil
	}
	by := endOf(g.lease).plus(-g.opts.Margin)
	return &by
}

func (g *guarded) order(o order) error {
	if err := g.socket.SetWriteDeadline(time.Now().Add(orderTimeout)); err != nil {
		return err
	}
	return g.tell.Encode(o)
}

// run returns when all has ended.
func (g *guarded) run() (Result, error) {
	g.lost, g.stepDown = g.lease.Context().Done(), g.lease.StepDownRequested()
	err := g.promise()
	for ended := false; err == nil; {
		if ended, err = g.next(); ended {
			g.tellLoss()
			return g.result, err
		}
		if err == nil {
			g.tellLoss()
		}
	}
	g.killAll()
	g.tellLoss()
	g.result.Code = CodeOf(syscall.SIGKILL)
	if g.result.Lost != nil {
		return g.result, nil
	}
	return g.result, fmt.Errorf("guard: %w", err)
}

// next takes what happens next. After an error that is not the end all is to be
// killed.
func (g *guarded) next() (ended bool, err error) {
	select {
	case <-g.extended:
		return false, g.promise()
	case <-g.lost:
		g.lost = nil
		return false, g.lose(context.Cause(g.lease.Context()))
	case <-g.patience:
		return false, errNoEnd
	case <-g.stepDown:
		g.stepDown = nil
		return false, g.order(order{Signal: g.killSignal}) // it is asked, and not killed for it
	case s := <-g.opts.Signals:
		return false, g.pass(s)
	case r, ok := <-g.reports:
		if !ok {
			return false, errWatchdog
		}
		return g.take(r)
	}
}

// promise tells the watchdog how long the lease is held for certain.
func (g *guarded) promise() error {
	g.extended = g.lease.Extended()
	until := g.until()
	if until == nil || g.lease.Context().Err() != nil {
		return nil
	}
	return g.order(order{Until: until})
}

// lose ends the command, within what grace the cause leaves; the watchdog's last
// deadline stands.
func (g *guarded) lose(cause error) error {
	g.note(cause)
	if g.opts.Unguarded {
		return nil
	}
	grace := g.opts.Grace(cause)
	if grace <= 0 {
		return cause
	}
	g.patience = time.After(grace + lookEvery)
	return g.order(order{End: &end{Within: grace}})
}

// note notes why the lease is lost. The first cause stands.
func (g *guarded) note(cause error) {
	if g.result.Lost == nil {
		g.result.Lost = cause
	}
}

// tellLoss tells of a loss once.
func (g *guarded) tellLoss() {
	if g.result.Lost != nil && !g.told {
		g.told = true
		g.opts.Tell(g.result.Lost, g.opts.Unguarded)
	}
}

// pass passes a signal on, unless the command has it from the terminal already.
func (g *guarded) pass(s os.Signal) error {
	number, ok := s.(syscall.Signal)
	if slices.Contains(ofEndings, s) {
		g.result.Asked = number
	}
	if !ok || g.foreground && slices.Contains(ofKeys, s) {
		return nil
	}
	return g.order(order{Signal: number})
}

// take takes a report of the watchdog.
func (g *guarded) take(r report) (ended bool, err error) {
	switch {
	case r.Ending:
		g.note(ErrTooLate)
		return false, nil
	case r.Ended:
		g.result.Code = r.Code
		if cause := over(g.lease); cause != nil { // nobody may have heard of it yet
			g.note(cause)
		}
	case r.Refused != nil:
		err = r.Refused
	}
	_ = syscall.Kill(g.watchdog, syscall.SIGKILL) // it has nothing left to do
	_ = wait(g.watchdog, 0)
	return true, err
}

// killAll kills the watchdog and all below it, and returns when nobody is left.
func (g *guarded) killAll() {
	for quiet := 0; quiet < 2; { // who is looked for may have a child meanwhile
		all := descendants(g.strangers)
		quiet++
		if len(all) > 0 {
			quiet = 0
		}
		signalAll(all, syscall.SIGKILL)
		for _, pid := range all {
			_ = wait(pid, syscall.WNOHANG) // not every one is a child of this process, yet
		}
		time.Sleep(killEvery)
	}
}

func wait(pid, options int) error {
	for {
		if _, err := syscall.Wait4(pid, nil, options, nil); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

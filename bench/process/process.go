// Package process runs the servers to measure, and reads their resource usage from the kernel.
package process

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Process is one server, running or not, with a directory of its own.
type Process struct {
	Name string
	Dir  string

	binary string
	args   []string
	env    []string
	cmd    *exec.Cmd
	ended  chan struct{}
	spent  time.Duration // CPU of the earlier runs
}

// New returns a server with its data below dir. It is not started.
func New(dir, name, binary string) *Process {
	return &Process{Name: name, Dir: filepath.Join(dir, name), binary: binary}
}

// Args adds arguments of the server.
func (p *Process) Args(args ...string) { p.args = append(p.args, args...) }

// Setenv adds NAME=VALUE variables to the server's environment.
func (p *Process) Setenv(variables ...string) { p.env = append(p.env, variables...) }

// Start starts the server. Its output is appended to the file Dir.log.
func (p *Process) Start() error {
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return err
	}
	log, err := os.OpenFile(p.Dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.binary, p.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), p.env...)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	p.spent += p.spentByLast()
	ended := make(chan struct{})
	p.cmd, p.ended = cmd, ended
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the caller ended it, or a later request fails
	}()
	return nil
}

// Running reports whether the server was started and has not ended.
func (p *Process) Running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Signal sends the server a signal.
func (p *Process) Signal(s syscall.Signal) error {
	if !p.Running() {
		return errors.New(p.Name + " does not run")
	}
	return p.cmd.Process.Signal(s)
}

// Wait waits until the server has ended.
func (p *Process) Wait() {
	if p.cmd != nil {
		<-p.ended
	}
}

// Kill sends SIGKILL and waits until the server has ended. It does nothing if the server does not run.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL) // an error means that the server does not run
	p.Wait()
}

// FreeAddress returns a loopback address without a listener, outside of the port range of outgoing connections.
func FreeAddress() (string, error) {
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(18_000))
		if l, err := net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", errors.New("no free port")
}

// FreeAddresses returns n free addresses.
func FreeAddresses(n int) ([]string, error) {
	var all []string
	for len(all) < n {
		address, err := FreeAddress()
		if err != nil {
			return nil, err
		}
		all = append(all, address)
	}
	return all, nil
}

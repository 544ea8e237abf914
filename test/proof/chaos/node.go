package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const (
	httpPort = "7400"
	peerPort = "7401"
)

// A node is one lockd node, running or stopped, on its own host and disk.
type node struct {
	name   string
	host   *host
	disk   *disk
	binary string
	flags  []string
	log    *logFile
	uptime time.Duration // simulated uptime of its host; 0: that of the machine

	control *control

	// mu guards the fields below.
	mu      sync.Mutex
	process *process
	mayEnd  bool // a fault is active that ends the process
	// surprise is called when the process exits without a fault that explains it.
	surprise func(n *node, how string)
}

// A process is one process of a node.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	code  int // exit code, after ended; -1: by a signal
}

func (n *node) http() string { return n.host.ip + ":" + httpPort }

func (n *node) peer() string { return n.host.ip + ":" + peerPort }

func (n *node) data() string { return filepath.Join(n.disk.at, "data") }

func (n *node) arguments() []string {
	args := []string{
		n.binary, "server", "--node-id", n.name, "--data-dir", n.data(),
		"--http-addr", n.http(), "--peer-addr", n.peer(), "--log-format", "text",
		"--insecure",
	}
	if n.uptime > 0 {
		seconds := fmt.Sprint(int(n.uptime.Seconds()))
		args = append([]string{"unshare", "-T", "--monotonic", seconds, "--boottime", seconds}, args...)
	}
	return append(args, n.flags...)
}

// start starts the node. Every program before lockd execs the next one, so that the process is lockd.
func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil {
		return fmt.Errorf("%s runs already", n.name)
	}
	args := n.arguments()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = n.log.pipe, n.log.pipe
	if err := n.host.inside(cmd.Start); err != nil {
		return fmt.Errorf("starting %s: %w", n.name, err)
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	n.process, n.mayEnd = p, false
	go n.attend(p)
	return nil
}

// attend waits until the process exits.
func (n *node) attend(p *process) {
	_ = p.cmd.Wait()
	p.code = p.cmd.ProcessState.ExitCode()
	n.mu.Lock()
	n.process = nil
	expected := n.mayEnd
	n.mu.Unlock()
	if !expected {
		n.surprise(n, fmt.Sprintf("%s exited, %v, without a fault that explains it: %s", n.name, p.cmd.ProcessState, n.log.tail(3)))
	}
	close(p.ended)
}

// life returns the running process, or nil.
func (n *node) life() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process
}

func (n *node) pid() (int, error) {
	if p := n.life(); p != nil {
		return p.cmd.Process.Pid, nil
	}
	return 0, fmt.Errorf("%s is not running", n.name)
}

// expectEnd allows the process to exit from now on.
func (n *node) expectEnd() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mayEnd = true
}

// expectNoEnd revokes expectEnd.
func (n *node) expectNoEnd() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mayEnd = false
}

func (n *node) signal(s syscall.Signal) error {
	pid, err := n.pid()
	if err != nil {
		return err
	}
	return syscall.Kill(pid, s)
}

// end sends a signal that ends the process, and waits until it has exited.
func (n *node) end(s syscall.Signal, within time.Duration) (exitCode int, err error) {
	n.expectEnd()
	p := n.life()
	if p == nil {
		return 0, nil
	}
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	return p.wait(n.name, within)
}

func (n *node) kill() error {
	_, err := n.end(syscall.SIGKILL, 20*time.Second)
	return err
}

func (p *process) wait(name string, within time.Duration) (exitCode int, err error) {
	select {
	case <-p.ended:
		return p.code, nil
	case <-time.After(within):
		return 0, fmt.Errorf("%s did not exit within %v", name, within)
	}
}

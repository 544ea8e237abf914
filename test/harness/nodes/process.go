// Package nodes runs real lockd processes for tests: each with a data directory
// of its own, on loopback, ended with the test at the latest.
package nodes

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for a condition that must come true.
const Patience = 30 * time.Second

// binary is built once for all tests of a process.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "lockd-test-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "lockd")
	return path, Build(path)
})

// Build builds lockd at path, with additional flags of go build.
func Build(path string, flags ...string) error {
	args := append([]string{"build", "-o", path}, flags...)
	build := exec.Command("go", append(args, "github.com/lockd/lockd/cmd/lockd")...)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building lockd: %w\n%s", err, out)
	}
	return nil
}

// Main is the TestMain of a package that runs nodes. It returns the exit code.
func Main(m *testing.M) int {
	path, err := binary()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(filepath.Dir(path))
	return m.Run()
}

// Binary returns the path of the lockd that is tested.
func Binary(t *testing.T) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A Node is one lockd process, running or not.
type Node struct {
	Name, Dir string
	Door
	Peer    string // address
	Flags   []string
	Program string // what runs as lockd; empty: what Binary returns

	t     *testing.T
	cmd   *exec.Cmd
	ended chan error
	log   Log
}

// A Log is what nodes have said. It is safe for concurrent use.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Tail returns the last lines.
func (l *Log) Tail() string {
	all := strings.Split(l.String(), "\n")
	return strings.Join(all[max(0, len(all)-tailLines):], "\n")
}

const tailLines = 40

// New prepares a node that Start runs.
func New(t *testing.T, name string, flags ...string) *Node {
	n := &Node{t: t, Name: name, Dir: t.TempDir(), Door: Door{HTTP: FreeAddress(t)}, Peer: FreeAddress(t), Flags: flags}
	t.Cleanup(func() {
		n.Kill()
		if t.Failed() {
			t.Logf("the log of %s:\n%s", n.Name, n.log.Tail())
		}
	})
	return n
}

// Command returns how the node is run.
func (n *Node) Command() *exec.Cmd {
	args := append([]string{
		"server", "--node-id", n.Name, "--data-dir", n.Dir, "--http-addr", n.HTTP, "--peer-addr", n.Peer,
		"--heartbeat-timeout", "300ms",
	}, n.Flags...)
	program := n.Program
	if program == "" {
		program = Binary(n.t)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "LOCKD_LOG_FORMAT=text")
	return cmd
}

// Start runs the node.
func (n *Node) Start() {
	n.t.Helper()
	n.Run(n.Command())
}

// Run runs the node by a command of the caller's.
func (n *Node) Run(cmd *exec.Cmd) {
	n.t.Helper()
	n.cmd = cmd
	n.cmd.Stdout, n.cmd.Stderr = &n.log, &n.log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(n.cmd, n.ended)
}

// PID returns the process's id.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Log returns what the node has said so far, over all its processes.
func (n *Node) Log() string { return n.log.String() }

// Signal sends the process a signal.
func (n *Node) Signal(s syscall.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.t.Fatal(err)
	}
}

// Wait returns how the process ended.
func (n *Node) Wait() error {
	n.t.Helper()
	select {
	case err := <-n.ended:
		n.cmd = nil
		return err
	case <-time.After(Patience):
		n.t.Fatalf("%s did not end", n.Name)
		return nil
	}
}

// Stop ends the node as an operator does, and wants it to end well.
func (n *Node) Stop() {
	n.t.Helper()
	n.Signal(syscall.SIGTERM)
	if err := n.Wait(); err != nil {
		n.t.Fatalf("%s did not end well: %v", n.Name, err)
	}
}

// Kill ends the process as a loss of its host would.
func (n *Node) Kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill()
		_ = <-n.ended // killed: its end is no news
		n.cmd = nil
	}
}

// Fails starts the node, and returns what it says when it ends at once.
func (n *Node) Fails() (code int, said string) {
	n.t.Helper()
	cmd := n.Command()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	timeout := time.AfterFunc(Patience, func() { _ = cmd.Process.Kill() })
	defer timeout.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		n.t.Fatalf("%s started and ended well, though it should not have: %v\n%s", n.Name, err, out.String())
	}
	return exit.ExitCode(), out.String()
}

// WaitReady waits until the node serves.
func (n *Node) WaitReady() {
	n.t.Helper()
	Eventually(n.t, n.Name+" is ready", n.Ready)
}

// Eventually waits until something is true, and fails the test where it never is.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("it never came true that %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

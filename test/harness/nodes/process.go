// Package nodes runs lockd processes for tests. Each process listens on loopback, has its own data directory, and is
// killed at the end of the test.
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

// binary builds lockd once for all tests of a process.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "lockd-test-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "lockd")
	return path, Build(path)
})

// Build builds lockd at path. flags are additional flags of go build.
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

// Binary returns the path of the lockd under test.
func Binary(t *testing.T) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A Node is one lockd process, running or stopped.
type Node struct {
	Name, Dir string
	API
	Peer    string // address
	Flags   []string
	Program string // the binary to run; empty: Binary

	t     *testing.T
	cmd   *exec.Cmd
	ended chan error
	log   Log
}

// A Log collects the output of nodes. It is safe for concurrent use.
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

// New prepares a node. Start starts it.
func New(t *testing.T, name string, flags ...string) *Node {
	n := &Node{t: t, Name: name, Dir: t.TempDir(), API: API{HTTP: FreeAddress(t)}, Peer: FreeAddress(t), Flags: flags}
	t.Cleanup(func() {
		n.Kill()
		if t.Failed() {
			t.Logf("the log of %s:\n%s", n.Name, n.log.Tail())
		}
	})
	return n
}

// Command returns the command that runs the node.
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

// Start starts the node.
func (n *Node) Start() {
	n.t.Helper()
	n.Run(n.Command())
}

// Run starts the node with the given command.
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

// PID returns the process ID.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Log returns the output so far of all processes of this node.
func (n *Node) Log() string { return n.log.String() }

// Signal sends a signal to the process.
func (n *Node) Signal(s syscall.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.t.Fatal(err)
	}
}

// Wait waits until the process exits and returns the error of exec.Cmd.Wait.
func (n *Node) Wait() error {
	n.t.Helper()
	select {
	case err := <-n.ended:
		n.cmd = nil
		return err
	case <-time.After(Patience):
		n.t.Fatalf("%s did not exit", n.Name)
		return nil
	}
}

// Stop sends SIGTERM and fails the test unless the node exits with code 0.
func (n *Node) Stop() {
	n.t.Helper()
	n.Signal(syscall.SIGTERM)
	if err := n.Wait(); err != nil {
		n.t.Fatalf("%s exited with an error: %v", n.Name, err)
	}
}

// Kill kills the process, as a power failure does.
func (n *Node) Kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill()
		_ = <-n.ended // it was killed, so the error is expected
		n.cmd = nil
	}
}

// Fails starts the node, which must exit with an error. It returns the exit code and the output.
func (n *Node) Fails() (code int, output string) {
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
		n.t.Fatalf("%s exited with code 0, want an error: %v\n%s", n.Name, err, out.String())
	}
	return exit.ExitCode(), out.String()
}

// WaitReady waits until the node is ready.
func (n *Node) WaitReady() {
	n.t.Helper()
	Eventually(n.t, n.Name+" is ready", n.Ready)
}

// Eventually waits until ok returns true. It fails the test after Patience. what is a clause for the failure message.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting until %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/lockdtest"
)

// A process is lockd with a guarded script, in its own directory.
type process struct {
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	out  output
	done chan struct{}
}

// start runs this program as lockd.
func start(t *testing.T, address string, args ...string) *process {
	t.Helper()
	p := newProcess(t, address, args...)
	p.start()
	return p
}

func newProcess(t *testing.T, address string, args ...string) *process {
	t.Helper()
	exe, err := exec.LookPath("lockd") // installed by TestMain
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, dir: t.TempDir(), cmd: exec.Command(exe, args...), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = p.dir, append(os.Environ(), "LOCKD_ADDR="+address)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.WaitDelay = patience
	return p
}

func (p *process) start() {
	p.t.Helper()
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() { defer close(p.done); _ = p.cmd.Wait() }()
	p.t.Cleanup(func() {
		select {
		case <-p.done:
		default:
			_ = p.cmd.Process.Signal(syscall.SIGCONT)
			_ = p.cmd.Process.Kill()
			<-p.done
		}
		if p.t.Failed() {
			p.t.Logf("%v: %s", p.cmd.Args, p.out.String())
		}
	})
}

// An output has one writer and several readers.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait waits for the end of the process, and returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatal("lockd does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// pid waits for a file into which the script has written a process ID.
func (p *process) pid(file string) int {
	p.t.Helper()
	path := filepath.Join(p.dir, file)
	until(p.t, file, func() bool {
		b, _ := os.ReadFile(path)
		return bytes.HasSuffix(b, []byte("\n"))
	})
	b, _ := os.ReadFile(path)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		p.t.Fatal(err)
	}
	return pid
}

func (p *process) write(file string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, file), nil, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) has(file string) bool {
	_, err := os.Stat(filepath.Join(p.dir, file))
	return err == nil
}

// isRunning reports whether a process is running. A zombie is not running.
func isRunning(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !bytes.Contains(stat[bytes.LastIndexByte(stat, ')'):], []byte(") Z"))
}

// acquired acquires the lease with a wait, as the next holder, and returns it.
func acquired(t *testing.T, server *lockdtest.Server, name string) *lockd.Lease {
	t.Helper()
	l, err := server.Client(lockd.Config{Holder: "next"}).Acquire(t.Context(), name, lockd.AcquireOptions{Wait: patience})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/lockdtest"
)

// A process is lockd with a script under guard, run in a directory of its own.
type process struct {
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan struct{}
}

// start runs this program as lockd.
func start(t *testing.T, address string, args ...string) *process {
	t.Helper()
	exe, err := exec.LookPath("lockd") // as TestMain installs it
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, dir: t.TempDir(), cmd: exec.Command(exe, args...), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = p.dir, append(os.Environ(), "LOCKD_ADDR="+address)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.WaitDelay = patience
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(p.done); _ = p.cmd.Wait() }()
	t.Cleanup(func() {
		select {
		case <-p.done:
		default:
			_ = p.cmd.Process.Signal(syscall.SIGCONT)
			_ = p.cmd.Process.Kill()
			<-p.done
		}
		if t.Failed() {
			t.Logf("%v: %s", args, p.out.String())
		}
	})
	return p
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait waits for the end, and returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatal("lockd does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// pid waits for a file in which the script has written a process id.
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

func (p *process) has(file string) bool {
	_, err := os.Stat(filepath.Join(p.dir, file))
	return err == nil
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// lives reports whether a process runs: one that nobody has waited for does not.
func lives(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !bytes.Contains(stat[bytes.LastIndexByte(stat, ')'):], []byte(") Z"))
}

// acquired waits for the lease as the next holder does, and returns it.
func acquired(t *testing.T, server *lockdtest.Server, name string) *lockd.Lease {
	t.Helper()
	l, err := server.Client(lockd.Config{Holder: "next"}).Acquire(t.Context(), name, lockd.AcquireOptions{Wait: patience})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const (
	deaf    = `trap '' TERM; echo $$ >pid; while :; do sleep 0.01; done`                    // ignores what asks it to end
	obeying = `trap 'touch asked; exit 3' TERM; echo $$ >pid; while :; do sleep 0.01; done` // heeds it
)

func TestTheCommandIsDeadBeforeTheNextHolderEvenBehindABlackHole(t *testing.T) {
	for _, script := range []string{deaf, obeying} {
		server := lockdtest.Start(t)
		link := server.NewLink()
		p := start(t, link.Address, "lock", "job", "--ttl", "2s", "--", "sh", "-c", script)
		pid := p.pid("pid")
		link.Silence()
		acquired(t, server, "job")
		if lives(pid) {
			t.Errorf("the next holds the lease, and the command lives: %s", script)
		}
		if code := p.wait(); code != exitLost || p.has("asked") != (script == obeying) {
			t.Errorf("exit %d, asked to end: %t: %s", code, p.has("asked"), script)
		}
	}
}

func TestTheCommandIsDeadBeforeTheNextHolderWhereLockdItselfIsStopped(t *testing.T) {
	server := lockdtest.Start(t)
	p := start(t, server.Address, "lock", "job", "--ttl", "2s", "--", "sh", "-c", deaf)
	pid := p.pid("pid")
	p.signal(syscall.SIGSTOP)
	acquired(t, server, "job")
	if lives(pid) {
		t.Error("the next holds the lease, and the command lives")
	}
	p.signal(syscall.SIGCONT)
	if code := p.wait(); code != exitLost {
		t.Errorf("exit %d", code)
	}
}

func TestTheCommandEndsWhereLockdItselfIsKilled(t *testing.T) {
	for _, script := range []string{deaf, obeying} {
		server := lockdtest.Start(t)
		p := start(t, server.Address, "lock", "job", "--ttl", "2s", "--", "sh", "-c", script)
		pid := p.pid("pid")
		p.signal(syscall.SIGKILL)
		acquired(t, server, "job")
		if lives(pid) || p.has("asked") != (script == obeying) {
			t.Errorf("lives: %t, asked to end: %t: %s", lives(pid), p.has("asked"), script)
		}
	}
}

func TestTheCommandEndsWhereTheWatchdogIsKilled(t *testing.T) {
	server := lockdtest.Start(t)
	p := start(t, server.Address, "lock", "job", "--", "sh", "-c", `echo $PPID >watchdog; `+deaf)
	pid := p.pid("pid")
	if err := syscall.Kill(p.pid("watchdog"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(); code != 125 || lives(pid) {
		t.Errorf("exit %d, the command lives: %t", code, lives(pid))
	}
	acquired(t, server, "job") // given back, since nothing is left
}

func TestACommandThatMayGoOnOutlivesItsLease(t *testing.T) {
	server := lockdtest.Start(t)
	link := server.NewLink()
	p := start(t, link.Address, "lock", "job", "--ttl", "2s", "--on-lost", "warn", "--", "sh", "-c", `echo $$ >pid; until test -e stop; do sleep 0.01; done`)
	pid := p.pid("pid")
	link.Silence()
	acquired(t, server, "job")
	if !lives(pid) {
		t.Error("the command was ended, although it was to go on")
	}
	if err := os.WriteFile(filepath.Join(p.dir, "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(); code != exitLost || !strings.Contains(p.out.String(), "the lease is lost") {
		t.Errorf("exit %d: %s", code, p.out.String())
	}
}

func TestABreakLeavesTheCommandTheTimeToEnd(t *testing.T) {
	server := lockdtest.Start(t)
	p := start(t, server.Address, "lock", "job", "--ttl", "6s", "--", "sh", "-c", obeying)
	p.pid("pid")
	state, err := server.Client(lockd.Config{}).Get(t.Context(), "job")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Client(lockd.Config{}).Break(t.Context(), "job", lockd.BreakOptions{Token: state.Token, Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(); code != exitLost || !p.has("asked") {
		t.Errorf("exit %d, asked to end: %t", code, p.has("asked"))
	}
}

func TestAStepDownIsPassedOnAndTheLeaseHandedOver(t *testing.T) {
	server := lockdtest.Start(t)
	p := start(t, server.Address, "lock", "job", "--ttl", "1s", "--", "sh", "-c", obeying)
	p.pid("pid")
	c := server.Client(lockd.Config{Holder: "chosen"})
	got := make(chan *lockd.Lease, 1)
	go func() {
		l, err := c.Acquire(t.Context(), "job", lockd.AcquireOptions{Wait: patience})
		if err != nil {
			t.Error(err)
		}
		got <- l
	}()
	var token uint64
	until(t, "the queue", func() bool {
		s, err := c.Get(t.Context(), "job")
		if err == nil {
			token = s.Token
		}
		return err == nil && s.QueueLength == 1
	})
	if _, err := c.AskToStepDown(t.Context(), "job", lockd.StepDownOptions{Token: token, To: "chosen"}); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(); code != 3 || !p.has("asked") {
		t.Errorf("exit %d, asked to end: %t", code, p.has("asked"))
	}
	if l := <-got; l == nil || l.Previous == nil || l.Previous.End != "transferred" {
		t.Errorf("the chosen one got %+v", l)
	}
}

func TestSignalsReachTheCommand(t *testing.T) {
	server := lockdtest.Start(t)
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH} {
		p := start(t, server.Address, "lock", "job", "--", "sh", "-c", `trap 'exit 9' `+strconv.Itoa(int(s))+`; echo $$ >pid; while :; do sleep 0.01; done`)
		p.pid("pid")
		p.signal(s)
		if code := p.wait(); code != 9 {
			t.Errorf("%v: exit %d", s, code)
		}
	}
}

func TestASignalEndsTheWaitAndLeavesTheQueue(t *testing.T) {
	server := lockdtest.Start(t)
	held := acquired(t, server, "job")
	c := server.Client(lockd.Config{})
	queued := func(n int) func() bool {
		return func() bool {
			s, err := c.Get(t.Context(), "job")
			return err == nil && s.QueueLength == n
		}
	}
	for s, want := range map[syscall.Signal]int{syscall.SIGHUP: 129, syscall.SIGINT: 130, syscall.SIGQUIT: 131, syscall.SIGTERM: 143} {
		held.KeepAlive()
		p := start(t, server.Address, "lock", "job", "--", "touch", "ran")
		until(t, "the wait", queued(1))
		p.signal(syscall.SIGWINCH) // for a command that does not run yet
		p.signal(s)
		if code := p.wait(); code != want || p.has("ran") {
			t.Errorf("%v: exit %d, ran: %t", s, code, p.has("ran"))
		}
		until(t, "the queue to be left", queued(0))
	}
}

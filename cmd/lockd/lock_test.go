//go:build linux

package main

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/lockdtest"
)

const (
	deaf    = `trap '' TERM; echo $$ >pid; while :; do sleep 0.01; done`                         // ignores the kill signal
	obeying = `trap 'touch terminated; exit 3' TERM; echo $$ >pid; while :; do sleep 0.01; done` // ends on the kill signal
)

func TestCommandIsDeadBeforeTheNextHolderDuringAPartition(t *testing.T) {
	for _, script := range []string{deaf, obeying} {
		server := lockdtest.Start(t)
		link := server.NewLink()
		p := start(t, link.Address, "lock", "job", "--ttl", "2s", "--", "sh", "-c", script)
		pid := p.pid("pid")
		link.Silence()
		acquired(t, server, "job")
		if isRunning(pid) {
			t.Errorf("the next holder has the lease, but the command is still running: %s", script)
		}
		if code := p.wait(); code != exitLost || p.has("terminated") != (script == obeying) {
			t.Errorf("exit %d, received the kill signal: %t: %s", code, p.has("terminated"), script)
		}
	}
}

func TestCommandIsDeadBeforeTheNextHolderWhileLockdIsStopped(t *testing.T) {
	server := lockdtest.Start(t)
	p := start(t, server.Address, "lock", "job", "--ttl", "2s", "--", "sh", "-c", deaf)
	pid := p.pid("pid")
	p.signal(syscall.SIGSTOP)
	acquired(t, server, "job")
	if isRunning(pid) {
		t.Error("the next holder has the lease, but the command is still running")
	}
	p.signal(syscall.SIGCONT)
	if code := p.wait(); code != exitLost {
		t.Errorf("exit %d", code)
	}
}

func TestCommandEndsAtOnceIfLockdIsKilled(t *testing.T) {
	server := lockdtest.Start(t)
	for name, script := range map[string]string{"deaf": deaf, "obeying": obeying} {
		p := start(t, server.Address, "lock", name, "--ttl", "1h", "--kill-after", "200ms", "--", "sh", "-c", script)
		pid := p.pid("pid")
		p.signal(syscall.SIGKILL)
		until(t, "the command to end long before its deadline", func() bool { return !isRunning(pid) })
		if p.has("terminated") != (script == obeying) {
			t.Errorf("%s: received the kill signal: %t", name, p.has("terminated"))
		}
	}
}

func TestKernelKillsTheCommandIfNoGuardIsLeft(t *testing.T) {
	server := lockdtest.Start(t)
	p := start(t, server.Address, "lock", "job", "--ttl", "1h", "--", "sh", "-c", `echo $PPID >watchdog; `+deaf)
	pid := p.pid("pid")
	p.signal(syscall.SIGSTOP)
	if err := syscall.Kill(p.pid("watchdog"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "the command to end", func() bool { return !isRunning(pid) })
}

func TestCommandEndsIfTheWatchdogIsKilled(t *testing.T) {
	server := lockdtest.Start(t)
	p := start(t, server.Address, "lock", "job", "--", "sh", "-c", `echo $PPID >watchdog; `+deaf)
	pid := p.pid("pid")
	if err := syscall.Kill(p.pid("watchdog"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(); code != 125 || isRunning(pid) {
		t.Errorf("exit %d, the command is running: %t", code, isRunning(pid))
	}
	acquired(t, server, "job") // released, because no process is left
}

func TestOnLostWarnLetsTheCommandOutliveItsLease(t *testing.T) {
	server := lockdtest.Start(t)
	link := server.NewLink()
	p := start(t, link.Address, "lock", "job", "--ttl", "2s", "--on-lost", "warn", "--", "sh", "-c", `echo $$ >pid; until test -e stop; do sleep 0.01; done`)
	pid := p.pid("pid")
	link.Silence()
	acquired(t, server, "job")
	if !isRunning(pid) {
		t.Error("the command was ended, although it was to go on")
	}
	p.write("stop")
	if code := p.wait(); code != exitLost || !strings.Contains(p.out.String(), "the lease is lost") {
		t.Errorf("exit %d: %s", code, p.out.String())
	}
}

func TestBreakLeavesTheCommandTimeToTerminate(t *testing.T) {
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
	if code := p.wait(); code != exitLost || !p.has("terminated") {
		t.Errorf("exit %d, received the kill signal: %t", code, p.has("terminated"))
	}
}

// No renewal is due before the command ends: the response to the release reports the loss.
func TestLossKnownOnlyToTheNodeIsReportedAtTheEnd(t *testing.T) {
	server := lockdtest.Start(t)
	p := start(t, server.Address, "lock", "job", "--ttl", "1h", "--", "sh", "-c", `echo $$ >pid; until test -e stop; do sleep 0.01; done`)
	p.pid("pid")
	c := server.Client(lockd.Config{})
	state, err := c.Get(t.Context(), "job")
	if err != nil {
		t.Fatal(err)
	}
	var atOnce time.Duration
	if _, err := c.Break(t.Context(), "job", lockd.BreakOptions{Token: state.Token, Reason: "test", Grace: &atOnce}); err != nil {
		t.Fatal(err)
	}
	p.write("stop")
	if code := p.wait(); code != exitLost || !strings.Contains(p.out.String(), "the lease is lost") {
		t.Errorf("exit %d: %s", code, p.out.String())
	}
}

// Nothing listens at the node's address when the command ends, and the node is back a moment later.
func TestReleaseIsRepeatedUntilTheNodeIsBack(t *testing.T) {
	server := lockdtest.Start(t)
	door := openDoor(t, server.Address)
	p := start(t, "http://"+door.address, "lock", "job", "-v", "--ttl", "1h", "sh", "-c", `echo $$ >pid; until test -e stop; do sleep 0.01; done; exit 4`)
	pid := p.pid("pid")
	door.close()
	p.write("stop")
	until(t, "the command to end", func() bool { return !isRunning(pid) })
	until(t, "the release to fail once", func() bool { return strings.Contains(p.out.String(), "no node answered") })
	door.open()
	if code := p.wait(); code != 4 || !strings.Contains(p.out.String(), ": released") {
		t.Errorf("exit %d: %s", code, p.out.String())
	}
	state, err := server.Client(lockd.Config{}).Get(t.Context(), "job")
	if err != nil || len(state.Holders) != 0 {
		t.Errorf("the lease is held: %+v, %v", state, err)
	}
}

func TestStepDownTerminatesTheCommandAndTransfersTheLease(t *testing.T) {
	server := lockdtest.Start(t)
	p := start(t, server.Address, "lock", "job", "--ttl", "3s", "--", "sh", "-c", obeying)
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
	if code := p.wait(); code != 3 || !p.has("terminated") {
		t.Errorf("exit %d, received the kill signal: %t", code, p.has("terminated"))
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

func TestSignalEndsTheWaitAndLeavesTheQueue(t *testing.T) {
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
		p.signal(syscall.SIGWINCH) // for a command, which does not run yet
		p.signal(s)
		if code := p.wait(); code != want || p.has("ran") {
			t.Errorf("%v: exit %d, ran: %t", s, code, p.has("ran"))
		}
		until(t, "the queue to be left", queued(0))
	}
}

func TestLeaseOfAnUnansweredAcquireIsReleased(t *testing.T) {
	server := lockdtest.Start(t)
	for name, tt := range map[string]struct {
		timeout string
		end     func(*process)
		want    int
	}{
		"time":   {"4s", func(*process) {}, exitUnreachable},
		"signal": {"1h", func(p *process) { p.signal(syscall.SIGTERM) }, 143},
	} {
		link := server.NewLink()
		link.SilenceAnswers()
		p := start(t, link.Address, "lock", name, "-n", "--ttl", "1h", "--timeout", tt.timeout, "--", "touch", "ran")
		c := server.Client(lockd.Config{})
		until(t, "it to be granted", func() bool {
			h, err := c.History(t.Context(), name)
			return err == nil && len(h.Events) > 0
		})
		tt.end(p)
		if code := p.wait(); code != tt.want || p.has("ran") {
			t.Errorf("%s: exit %d, ran: %t", name, code, p.has("ran"))
		}
		until(t, "it to be given back", func() bool {
			l, err := c.Leader(t.Context(), name)
			return err == nil && l.Holder == ""
		})
	}
}

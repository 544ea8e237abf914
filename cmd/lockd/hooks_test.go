//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/lockdtest"
)

// gaining waits in on-gain until it receives a signal, and then succeeds.
const gaining = `trap 'exit 0' TERM; echo $$ >pid; while :; do sleep 0.01; done`

// losing records the token of the leadership, and whether the command was still alive.
const losing = `kill -0 $(cat $LOCKD_FENCING_TOKEN.pid) && touch overlap; touch $LOCKD_FENCING_TOKEN.lost`

// lost waits until on-lose has run for a token.
func (p *process) lost(token uint64) {
	p.t.Helper()
	file := fmt.Sprintf("%d.lost", token)
	until(p.t, file, func() bool { return p.has(file) })
}

// hasTakenSignals reports whether lockd has no pending signal.
func (p *process) hasTakenSignals() bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	return err == nil && bytes.Contains(status, []byte("\nShdPnd:\t0000000000000000\n"))
}

// breaks ends the hold with a token at once.
func breaks(t *testing.T, server *lockdtest.Server, token uint64) {
	t.Helper()
	force := lockd.BreakOptions{Token: token, Reason: "test", Grace: new(time.Duration)}
	if _, err := server.Client(lockd.Config{}).Break(t.Context(), "job", force); err != nil {
		t.Fatal(err)
	}
}

func TestOnGainIsDeadBeforeTheNextHolderDuringAPartition(t *testing.T) {
	for _, gain := range []string{deaf, gaining} {
		server := lockdtest.Start(t)
		link := server.NewLink()
		p := start(t, link.Address, "elect", "job", "--ttl", "2s", "--on-gain", gain,
			"--on-lose", `kill -0 $(cat pid) && touch overlap; touch lost`, "--", "touch", "ran")
		pid := p.pid("pid")
		link.Silence()
		acquired(t, server, "job")
		if isRunning(pid) {
			t.Errorf("the next holder has the lease, but on-gain is still running: %s", gain)
		}
		until(t, "on-lose to run", func() bool { return p.has("lost") })
		if p.has("overlap") || p.has("ran") {
			t.Errorf("on-gain lived when on-lose ran: %t; the command ran: %t: %s", p.has("overlap"), p.has("ran"), gain)
		}
	}
}

func TestOnGainIsDeadBeforeTheNextHolderWhileLockdIsStopped(t *testing.T) {
	server := lockdtest.Start(t)
	p := start(t, server.Address, "elect", "job", "--once", "--ttl", "2s", "--on-gain", deaf, "--", "touch", "ran")
	pid := p.pid("pid")
	p.signal(syscall.SIGSTOP)
	acquired(t, server, "job")
	if isRunning(pid) {
		t.Error("the next holder has the lease, but on-gain is still running")
	}
	p.signal(syscall.SIGCONT)
	if code := p.wait(); code != exitLost || p.has("ran") {
		t.Errorf("exit %d, ran: %t", code, p.has("ran"))
	}
}

func TestOnLoseRunsAfterEachLeadership(t *testing.T) {
	server := lockdtest.Start(t)
	p := start(t, server.Address, "elect", "job", "--ttl", "2s", "--on-lose", losing, "--", "sh", "-c", leading)
	first := p.leads(server)
	breaks(t, server, first)
	p.lost(first)
	second := p.leads(server)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d, and not the command's own", code)
	}
	p.lost(second)
	if p.has("overlap") {
		t.Error("on-lose ran before all of the command was dead")
	}
}

func TestAfterALossOnLoseDoesNotWaitForTheRelease(t *testing.T) {
	link := lockdtest.Start(t).NewLink()
	p := start(t, link.Address, "elect", "job", "-v", "--once", "--ttl", "6s", "--on-lose", "echo undone", "--", "sh", "-c", obeying)
	p.pid("pid")
	link.Silence()
	if code := p.wait(); code != exitLost {
		t.Errorf("exit %d", code)
	}
	output := p.out.String()
	undone, released := strings.Index(output, "undone"), strings.Index(output, "not released")
	if undone < 0 || released >= 0 && released < undone {
		t.Error("on-lose waited for a release that could not be answered")
	}
}

func TestReportedLossIsNotReportedAgainAsAFailedRelease(t *testing.T) {
	for _, verb := range [][]string{{"lock"}, {"elect", "--once"}} {
		link := lockdtest.Start(t).NewLink()
		p := start(t, link.Address, append(verb, "job", "--ttl", "6s", "--", "sh", "-c", obeying)...)
		p.pid("pid")
		link.Silence()
		code, output := p.wait(), p.out.String()
		if code != exitLost || !strings.Contains(output, "the lease is lost") || strings.Contains(output, "not released") {
			t.Errorf("%v: exit %d: %s", verb, code, output)
		}
	}
}

func TestSignalDuringOnLoseEndsTheCampaignAfterIt(t *testing.T) {
	server := lockdtest.Start(t)
	for s, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		p := start(t, server.Address, "elect", "job", "--ttl", "2s",
			"--on-lose", `touch losing; until test -e go; do sleep 0.01; done; touch lost`, "--", "sh", "-c", leading)
		first := p.leads(server)
		breaks(t, server, first)
		until(t, "on-lose to run", func() bool { return p.has("losing") })
		for range 10 { // more than a reader that does not read has room for
			for _, nothing := range []syscall.Signal{syscall.SIGWINCH, syscall.SIGHUP} {
				p.signal(nothing)
				until(t, "the signal to be taken", p.hasTakenSignals)
			}
		}
		p.signal(s)
		p.write("go")
		if code := p.wait(); code != want || !p.has("lost") {
			t.Errorf("%v: exit %d, on-lose went on: %t", s, code, p.has("lost"))
		}
		if free, err := server.Client(lockd.Config{}).Get(t.Context(), "job"); err != nil || free.State != "free" {
			t.Errorf("%v: it campaigned again: %+v, %v", s, free, err)
		}
	}
}

func TestOnLoseDoesNotRunWithoutALeadership(t *testing.T) {
	server := lockdtest.Start(t)
	acquired(t, server, "job").KeepAlive()
	p := start(t, server.Address, "elect", "job", "--on-gain", "touch gained", "--on-lose", "touch lost", "--", "touch", "ran")
	until(t, "the wait", waits(t, server))
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 143 || p.has("gained") || p.has("lost") || p.has("ran") {
		t.Errorf("exit %d, gained: %t, lost: %t, ran: %t", code, p.has("gained"), p.has("lost"), p.has("ran"))
	}
}

func TestSignalDuringOnGainEndsTheCampaign(t *testing.T) {
	p := start(t, lockdtest.Start(t).Address, "elect", "job", "--on-gain", gaining, "--on-lose", "touch lost", "--", "touch", "ran")
	p.pid("pid")
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 143 || p.has("ran") || !p.has("lost") {
		t.Errorf("exit %d, ran: %t, lost: %t", code, p.has("ran"), p.has("lost"))
	}
}

func TestStepDownDuringOnGainTransfersAndCampaignsAgain(t *testing.T) {
	server := lockdtest.Start(t)
	c := server.Client(lockd.Config{Holder: "chosen"})
	for name, gain := range map[string]string{"ends well": gaining, "is ended": `echo $$ >pid; exec sleep 1000`} {
		p := start(t, server.Address, "elect", "job", "--ttl", "3s", "--on-gain", "test -e pid && exit; "+gain, "--", "sh", "-c", leading)
		p.pid("pid")
		state, err := c.Get(t.Context(), "job")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.AskToStepDown(t.Context(), "job", lockd.StepDownOptions{Token: state.Token, To: "chosen"}); err != nil {
			t.Fatal(err)
		}
		chosen, err := c.Acquire(t.Context(), "job", lockd.AcquireOptions{Wait: patience})
		if err != nil {
			t.Fatal(err)
		}
		if p.has(fmt.Sprintf("%d.pid", state.Token)) {
			t.Errorf("%s: the command was run for a lead that was to be handed over", name)
		}
		if err := chosen.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if second := p.leads(server); second <= chosen.Token {
			t.Errorf("%s: it leads by %d after %d", name, second, chosen.Token)
		}
		p.signal(syscall.SIGTERM)
		p.wait()
	}
}

//go:build linux

package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/lockdtest"
)

// leading writes its process ID to a file named after its token, and ends on a signal.
const leading = `trap 'exit 0' TERM; echo $$ >$LOCKD_FENCING_TOKEN.pid; while :; do sleep 0.01; done`

// leads waits until a command runs with the current token, and returns the token.
func (p *process) leads(server *lockdtest.Server) uint64 {
	p.t.Helper()
	c := server.Client(lockd.Config{})
	var token uint64
	until(p.t, "a command to run by the current token", func() bool {
		s, err := c.Get(p.t.Context(), "job")
		if err != nil || s.Token == 0 {
			return false
		}
		token = s.Token
		return p.has(fmt.Sprintf("%d.pid", token))
	})
	return token
}

// waits returns a function that reports whether the lease has a waiter.
func waits(t *testing.T, server *lockdtest.Server) func() bool {
	c := server.Client(lockd.Config{})
	return func() bool {
		s, err := c.Get(t.Context(), "job")
		return err == nil && s.QueueLength == 1
	}
}

func (p *process) runsWith(token uint64) bool { return isRunning(p.pid(fmt.Sprintf("%d.pid", token))) }

func TestAfterALossTheCommandRunsWithANewToken(t *testing.T) {
	server := lockdtest.Start(t)
	p := start(t, server.Address, "elect", "job", "--ttl", "2s", "--", "sh", "-c", leading)
	first := p.leads(server)
	breaks(t, server, first)
	if second := p.leads(server); second <= first || p.runsWith(first) || !p.runsWith(second) {
		t.Errorf("after %d, %d leads; the first is running: %t", first, second, p.runsWith(first))
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d, and not the command's own", code)
	}
	if s, err := server.Client(lockd.Config{}).Get(t.Context(), "job"); err != nil || s.State != "free" {
		t.Errorf("the lease was not given back: %+v, %v", s, err)
	}
}

func TestAfterAPartitionTheCommandRunsAgain(t *testing.T) {
	server := lockdtest.Start(t)
	link := server.NewLink()
	p := start(t, link.Address, "elect", "job", "--ttl", "2s", "--", "sh", "-c", leading)
	first := p.leads(server)
	link.Silence()
	l := acquired(t, server, "job")
	if p.runsWith(first) {
		t.Error("another leads, but the command is still running")
	}
	link.Restore()
	link.Cut()
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if second := p.leads(server); second <= l.Token {
		t.Errorf("it leads by %d after %d", second, l.Token)
	}
}

func TestElectYieldsAfterAStepDownAndLeadsAgain(t *testing.T) {
	server := lockdtest.Start(t)
	c := server.Client(lockd.Config{})
	one := start(t, server.Address, "elect", "job", "--ttl", "3s", "--", "sh", "-c", leading)
	first := one.leads(server)
	two := start(t, server.Address, "elect", "job", "--ttl", "3s", "--holder", "two", "--", "sh", "-c", leading)
	until(t, "two to wait", waits(t, server))
	if _, err := c.AskToStepDown(t.Context(), "job", lockd.StepDownOptions{Token: first, To: "two"}); err != nil {
		t.Fatal(err)
	}
	second := two.leads(server)
	if second <= first || one.runsWith(first) {
		t.Errorf("after %d, %d leads; the first is running: %t", first, second, one.runsWith(first))
	}
	two.signal(syscall.SIGTERM)
	if code := two.wait(); code != 0 {
		t.Errorf("two ended with %d", code)
	}
	if third := one.leads(server); third <= second {
		t.Errorf("after %d, %d leads", second, third)
	}
}

func TestCampaignSurvivesAnOutageAtItsStart(t *testing.T) {
	server := lockdtest.Start(t)
	link := server.NewLink()
	link.Silence()
	p := start(t, link.Address, "elect", "job", "--timeout", "100ms", "--", "sh", "-c", leading)
	until(t, "the log that no node answers", func() bool { return strings.Contains(p.out.String(), "retrying") })
	link.Restore()
	link.Cut()
	p.leads(server)
}

func TestOnceDoesNotCampaignAgain(t *testing.T) {
	server := lockdtest.Start(t)
	p := start(t, server.Address, "elect", "job", "--once", "--ttl", "3s", "--", "sh", "-c", leading)
	first := p.leads(server)
	if _, err := server.Client(lockd.Config{}).Break(t.Context(), "job", lockd.BreakOptions{Token: first, Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(); code != exitLost {
		t.Errorf("exit %d", code)
	}
}

func TestSignalEndsTheCampaignOfAStandby(t *testing.T) {
	server := lockdtest.Start(t)
	acquired(t, server, "job").KeepAlive()
	p := start(t, server.Address, "elect", "job", "--", "touch", "ran")
	until(t, "the wait", waits(t, server))
	p.signal(syscall.SIGHUP) // means reload for many services
	until(t, "the signal to be taken", p.hasTakenSignals)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 143 || p.has("ran") {
		t.Errorf("exit %d, ran: %t", code, p.has("ran"))
	}
}

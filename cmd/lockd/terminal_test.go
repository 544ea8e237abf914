//go:build linux

package main

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lockd/lockd/lockdtest"
)

// openTerminal returns both ends of a terminal: the user's end and the programs' end.
func openTerminal(t *testing.T) (person, programs *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	programs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { programs.Close() })
	return person, programs
}

// underTerminal runs this program as lockd, as the session leader of a terminal.
func underTerminal(t *testing.T, server *lockdtest.Server, args ...string) (p *process, person *os.File) {
	t.Helper()
	person, programs := openTerminal(t)
	p = newProcess(t, server.Address, args...)
	p.cmd.Stdin = programs
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p.start()
	return p, person
}

func TestCommandOnATerminalReadsAndReceivesKeySignalsOnce(t *testing.T) {
	p, person := underTerminal(t, lockdtest.Start(t), "lock", "job", "--ttl", "2s", "--", "sh", "-c", `n=0; trap 'n=$((n+1)); echo $n >interrupts' INT
		echo $$ >pid; read line; echo "$line" >line; while ! test -e stop; do sleep 0.01; done; exit $n`)
	p.pid("pid")
	if _, err := person.WriteString("typed\n"); err != nil {
		t.Fatal(err)
	}
	until(t, "the line to be read", func() bool { return p.has("line") })
	if _, err := person.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	if n := p.pid("interrupts"); n != 1 {
		t.Errorf("%d interrupts", n)
	}
	p.write("stop")
	if code := p.wait(); code != 1 {
		t.Errorf("the command was interrupted %d times", code)
	}
}

func TestCommandIsDeadAtTheDeadlineAfterCtrlZ(t *testing.T) {
	server := lockdtest.Start(t)
	p, person := underTerminal(t, server, "lock", "job", "--ttl", "2s", "--", "sh", "-c", deaf)
	pid := p.pid("pid")
	if _, err := person.WriteString("\x1a"); err != nil {
		t.Fatal(err)
	}
	acquired(t, server, "job")
	if isRunning(pid) {
		t.Error("the next holder has the lease, but the command is still running")
	}
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // unless the kernel did, because no process of the session is left
	if code := p.wait(); code != exitLost {
		t.Errorf("exit %d", code)
	}
}

func TestEndOfTheTerminalEndsAStandby(t *testing.T) {
	server := lockdtest.Start(t)
	acquired(t, server, "job").KeepAlive()
	p, _ := underTerminal(t, server, "elect", "job", "--", "touch", "ran")
	until(t, "the wait", waits(t, server))
	p.signal(syscall.SIGHUP)
	if code := p.wait(); code != 129 || p.has("ran") {
		t.Errorf("exit %d, ran: %t", code, p.has("ran"))
	}
}

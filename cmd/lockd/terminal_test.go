//go:build linux

package main

import (
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"
	"golang.org/x/term"

	"github.com/lockd/lockd/lockdtest"
)

// openTerminal returns both ends of a terminal: the user's end and the programs' end.
func openTerminal(t *testing.T) (person, programs *os.File) {
	t.Helper()
	person, programs, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close(); programs.Close() })
	return person, programs
}

// underTerminal runs this program as lockd, as the session leader of a terminal.
func underTerminal(t *testing.T, server *lockdtest.Server, args ...string) (p *process, person *os.File) {
	t.Helper()
	person, programs := openTerminal(t)
	p = newProcess(t, server.Address, args...)
	p.cmd.Stdin, p.cmd.Stderr = programs, programs
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

// screenOf collects what programs write to a terminal.
func screenOf(person *os.File) *output {
	screen := new(output)
	go func() { _, _ = io.Copy(screen, person) }()
	return screen
}

func TestWaitOnATerminalShowsThePlaceAndLeavesNoLine(t *testing.T) {
	server := lockdtest.Start(t)
	held := acquired(t, server, "job")
	held.KeepAlive()
	for _, args := range [][]string{{"lock", "job", "--holder", "me", "--", "echo", "ran"}, {"acquire", "job", "--holder", "me", "--wait", "1h", "--ttl", "1s"}} {
		p, person := underTerminal(t, server, args...)
		screen := screenOf(person)
		until(t, "the line", func() bool { return strings.Contains(screen.String(), "s, 1st of 1, held by next (token ") })
		if err := held.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if code := p.wait(); code != 0 {
			t.Errorf("exit %d", code)
		}
		until(t, "the line to be removed", func() bool { return strings.HasSuffix(screen.String(), "\r\x1b[K") })
		if strings.Contains(screen.String(), "\n") {
			t.Errorf("%v wrote %q", args, screen.String())
		}
		held = acquired(t, server, "job")
		held.KeepAlive()
	}
}

func TestWaitInAPipeWritesOneLine(t *testing.T) {
	server := lockdtest.Start(t)
	held := acquired(t, server, "job")
	held.KeepAlive()
	for _, args := range [][]string{{"acquire", "job", "--holder", "me", "--wait", "1h", "--ttl", "1s"}, {"lock", "job", "--holder", "me", "--", "touch", "ran"}} {
		p := start(t, server.Address, args...)
		until(t, "the line", func() bool {
			return strings.Contains(p.out.String(), "lockd: job: waiting: 1st of 1, held by next (token ")
		})
		if err := held.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if code := p.wait(); code != 0 || strings.Count(p.out.String(), "lockd: ") != 1 || strings.Contains(p.out.String(), "\x1b") {
			t.Errorf("%v: exit %d: %q", args, code, p.out.String())
		}
		held = acquired(t, server, "job") // after the lease of acquire, which nothing renews, has expired
		held.KeepAlive()
	}
}

// TestColorsOnlyOnATerminalThatWantsThem checks the state of a lease and an error.
func TestColorsOnlyOnATerminalThatWantsThem(t *testing.T) {
	server := lockdtest.Start(t)
	acquired(t, server, "job").KeepAlive()
	for name, tt := range map[string]struct {
		env     []string
		pipe    bool
		colored bool
	}{
		"terminal":      {[]string{"TERM=xterm", "NO_COLOR="}, false, true},
		"NO_COLOR":      {[]string{"TERM=xterm", "NO_COLOR=1"}, false, false},
		"dumb terminal": {[]string{"TERM=dumb", "NO_COLOR="}, false, false},
		"pipe":          {[]string{"TERM=xterm", "NO_COLOR="}, true, false},
	} {
		for line, want := range map[string]string{"get job": "\x1b[32mheld \x1b[0m", "get job --what": "\x1b[31mlockd:\x1b[0m unknown flag"} {
			p := newProcess(t, server.Address, strings.Fields(line)...)
			p.cmd.Env = append(p.cmd.Env, tt.env...)
			written := &p.out
			if !tt.pipe {
				person, programs := openTerminal(t)
				p.cmd.Stdout, p.cmd.Stderr = programs, programs
				written = screenOf(person)
			}
			p.start()
			p.wait()
			until(t, "the output", func() bool { return strings.Contains(written.String(), "\n") })
			if got := strings.Contains(written.String(), want); got != tt.colored || !tt.colored && strings.Contains(written.String(), "\x1b") {
				t.Errorf("%s: %s: %q", name, line, written.String())
			}
		}
	}
}

func TestLongCellsAreCutOnATerminalOnly(t *testing.T) {
	server := lockdtest.Start(t)
	name := strings.Repeat("n", 60)
	acquired(t, server, name).KeepAlive()
	acquired(t, server, "short").KeepAlive()
	person, programs := openTerminal(t)
	if err := pty.Setsize(person, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	onTerminal := newProcess(t, server.Address, "ls")
	onTerminal.cmd.Stdout = programs
	screen := screenOf(person)
	onTerminal.start()
	onTerminal.wait()
	until(t, "the table", func() bool { return strings.Count(screen.String(), "\n") == 3 })
	for line := range strings.Lines(screen.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(stripped.ReplaceAllString(line, ""), "\r\n")); n > 80 {
			t.Errorf("%d characters: %q", n, line)
		}
	}
	wide := newProcess(t, server.Address, "ls", "-o", "wide")
	wide.start()
	if wide.wait(); strings.Contains(screen.String(), name) || !strings.Contains(screen.String(), "…") || !strings.Contains(wide.out.String(), name) {
		t.Errorf("the terminal shows %q, the pipe %q", screen.String(), wide.out.String())
	}
}

// stripped matches the sequences that color text.
var stripped = regexp.MustCompile("\x1b\\[[0-9;]*m")

// TestTopRestoresTheTerminal ends the screen by a key and by signals.
func TestTopRestoresTheTerminal(t *testing.T) {
	server := lockdtest.Start(t)
	acquired(t, server, "job").KeepAlive()
	for name, end := range map[string]func(p *process, person *os.File){
		"q":      func(_ *process, person *os.File) { _, _ = person.WriteString("q") },
		"Ctrl-C": func(_ *process, person *os.File) { _, _ = person.WriteString("\x03") },
		"TERM":   func(p *process, _ *os.File) { p.signal(syscall.SIGTERM) },
		"HUP":    func(p *process, _ *os.File) { p.signal(syscall.SIGHUP) },
		"QUIT":   func(p *process, _ *os.File) { p.signal(syscall.SIGQUIT) },
	} {
		person, programs := openTerminal(t)
		before, err := term.GetState(int(programs.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		p := newProcess(t, server.Address, "top")
		p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = programs, programs, programs
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		screen := screenOf(person)
		p.start()
		until(t, "the lease", func() bool {
			return strings.Contains(screen.String(), "job") && strings.Contains(screen.String(), "nodes 1 of 1 up")
		})
		end(p, person)
		if code := p.wait(); code != 0 {
			t.Errorf("%s: exit %d", name, code)
		}
		until(t, "the first screen", func() bool { return strings.HasSuffix(screen.String(), "\x1b[?7h\x1b[?25h\x1b[?1049l") })
		after, err := term.GetState(int(programs.Fd()))
		if err != nil || !reflect.DeepEqual(before, after) {
			t.Errorf("%s: the terminal is %v, was %v: %v", name, after, before, err)
		}
	}
}

func TestListOnATerminalIsKeptCurrentUntilItIsInterrupted(t *testing.T) {
	server := lockdtest.Start(t)
	person, programs := openTerminal(t)
	p := newProcess(t, server.Address, "ls", "--watch")
	p.cmd.Stdout = programs
	screen := screenOf(person)
	p.start()
	until(t, "an empty list", func() bool { return strings.Contains(screen.String(), "WAITERS") })
	held := acquired(t, server, "job")
	until(t, "the lease", func() bool { return strings.Contains(screen.String(), "next") })
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "an empty list", func() bool {
		frames := strings.Split(screen.String(), "\x1b[J")
		return !strings.Contains(frames[len(frames)-1], "next") && strings.Contains(frames[len(frames)-1], "WAITERS")
	})
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestListInAPipePrintsEachChangedRow(t *testing.T) {
	server := lockdtest.Start(t)
	acquired(t, server, "a.held").KeepAlive()
	p, rows := start(t, server.Address, "ls", "--watch", "--prefix", "a."), start(t, server.Address, "ls", "--watch", "-o", "json")
	until(t, "the list", func() bool {
		return strings.Contains(p.out.String(), "a.held") && strings.Contains(rows.out.String(), "a.held")
	})
	acquired(t, server, "b.other").KeepAlive()
	held := acquired(t, server, "a.job")
	until(t, "the new lease", func() bool {
		return strings.Contains(squeeze(p.out.String()), "\na.job held next ") && strings.Contains(rows.out.String(), `"name":"a.job","state":"held"`)
	})
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "its end", func() bool {
		return strings.Contains(squeeze(p.out.String()), "\na.job free ") && strings.Contains(rows.out.String(), `"name":"a.job","state":"free"`)
	})
	if out := p.out.String(); strings.Contains(out, "b.other") || strings.Count(out, "NAME") != 1 || strings.Contains(out, "\x1b") {
		t.Errorf("printed %s", out)
	}
	for _, one := range []*process{p, rows} {
		one.signal(syscall.SIGTERM)
		if code := one.wait(); code != 0 {
			t.Errorf("exit %d", code)
		}
	}
}

func TestTopInAPipePrintsOneFrame(t *testing.T) {
	server := lockdtest.Start(t)
	acquired(t, server, "job").KeepAlive()
	p := start(t, server.Address, "top")
	if code := p.wait(); code != 0 || !strings.Contains(p.out.String(), "leases 1 held   waiters 0") || !strings.Contains(squeeze(p.out.String()), "\njob held next ") || strings.Contains(p.out.String(), "\x1b") {
		t.Errorf("exit %d: %q", code, p.out.String())
	}
}

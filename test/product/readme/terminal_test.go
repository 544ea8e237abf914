package readme

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lockd/lockd/test/harness/nodes"
)

// A terminal is one shell. Commands run one after the other. The background commands of the first terminal are jobs
// of its shell.
type terminal struct {
	shell *exec.Cmd
	stdin io.WriteCloser
	first bool

	// mu guards the fields below.
	mu      sync.Mutex
	lines   []string // printed and not yet read
	running bool
	group   int // process group of the running command, except in the first terminal
	closed  bool
	moved   chan struct{} // closed at each change of the fields above
}

const (
	endMark   = "\x01end"
	groupMark = "\x01group "
)

// openTerminal starts a shell. The shell kills its jobs when it exits.
func openTerminal(dir string, env []string, first bool) (*terminal, error) {
	t := &terminal{shell: exec.Command("bash", "--noprofile", "--norc"), first: first, moved: make(chan struct{})}
	t.shell.Dir, t.shell.Env = dir, env
	var err error
	if t.stdin, err = t.shell.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := t.shell.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.shell.Stderr = t.shell.Stdout
	if err := t.shell.Start(); err != nil {
		return nil, err
	}
	go t.read(out)
	_, err = io.WriteString(t.stdin, "set -m\ntrap 'kill -9 $(jobs -p) 2>/dev/null' EXIT\n")
	return t, err
}

func (t *terminal) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		t.change(func() {
			if rest, ok := strings.CutPrefix(line, groupMark); ok {
				t.group, _ = strconv.Atoi(rest)
			} else if line == endMark {
				t.running = false
			} else {
				t.lines = append(t.lines, line)
			}
		})
	}
	t.change(func() { t.running, t.closed = false, true })
}

func (t *terminal) change(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
	close(t.moved)
	t.moved = make(chan struct{})
}

// run runs a command.
func (t *terminal) run(command string) error {
	if err := t.await("the previous command to end", func() bool { return !t.running }); err != nil {
		return err
	}
	t.change(func() { t.running, t.group = true, 0 })
	if !t.first {
		// A background job has a known process group, which can be interrupted.
		command = "{ " + command + "\n} & printf '\\n\\001group %d\\n' $!; wait $!"
	}
	_, err := fmt.Fprintf(t.stdin, "%s\nprintf '\\n\\001end\\n'\n", command)
	return err
}

// interrupt sends SIGINT, as Ctrl-C does.
func (t *terminal) interrupt() error {
	if err := t.await("the command to start", func() bool { return t.group != 0 }); err != nil {
		return err
	}
	if err := syscall.Kill(-t.group, syscall.SIGINT); err != nil {
		return err
	}
	return t.ended()
}

func (t *terminal) ended() error {
	return t.await("the command to end", func() bool { return !t.running })
}

// await waits until a condition on the terminal is true.
func (t *terminal) await(what string, holds func() bool) error {
	timeout := time.After(nodes.Patience)
	for {
		t.mu.Lock()
		ok, closed, moved, last := holds(), t.closed, t.moved, t.lines
		t.mu.Unlock()
		switch {
		case ok:
			return nil
		case closed:
			return errors.New("the shell has exited")
		}
		select {
		case <-moved:
		case <-timeout:
			return fmt.Errorf("timed out waiting for %s; printed so far: %q", what, last)
		}
	}
}

// printed waits until the command has exited or has printed at least that many dense lines. It returns the lines and
// removes them.
func (t *terminal) printed(least int) ([]string, error) {
	err := t.await("output", func() bool { return !t.running || len(dense(t.lines)) >= least })
	t.mu.Lock()
	defer t.mu.Unlock()
	got := t.lines
	t.lines = nil
	return got, err
}

// close ends the shell and all processes in it.
func (t *terminal) close() {
	t.mu.Lock()
	group := t.group
	if !t.running {
		group = 0
	}
	t.mu.Unlock()
	if group != 0 {
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
	t.stdin.Close()
	_ = t.shell.Wait()
}

var serverCommand = regexp.MustCompile(`\blockd server\b`)

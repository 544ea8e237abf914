package samples

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/nodes"
)

// A play is one sample, run by some processes. All of them print into one pipe, so
// that there is one order of what they print.
type play struct {
	t       *testing.T
	cluster *nodes.Cluster
	line    []string // what is run
	dir     string   // where
	out     *os.File // the pipe

	// mu guards the rest.
	mu    sync.Mutex
	said  []string
	heard chan struct{} // closed, and made anew, when there is news
}

// An actor is one of the processes.
type actor struct {
	play  *play
	cmd   *exec.Cmd
	in    io.Writer
	ended chan struct{} // closed when it has
}

func newPlay(t *testing.T, c *nodes.Cluster, line []string) *play {
	t.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &play{t: t, cluster: c, line: line, dir: t.TempDir(), out: to, heard: make(chan struct{})}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		p.listen(from)
	}()
	t.Cleanup(func() {
		to.Close() // the actors' cleanups came first
		<-drained
		from.Close()
		if t.Failed() {
			t.Logf("they said:\n%s", strings.Join(p.said, "\n"))
		}
	})
	return p
}

func (p *play) listen(from io.Reader) {
	for lines := bufio.NewScanner(from); lines.Scan(); {
		p.mu.Lock()
		p.said = append(p.said, lines.Text())
		close(p.heard)
		p.heard = make(chan struct{})
		p.mu.Unlock()
	}
}

// start runs one more process of the sample; the test ends it at the latest.
func (p *play) start() *actor {
	p.t.Helper()
	cmd := exec.Command(p.line[0], p.line[1:]...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "LOCKD_ADDR="+strings.Join(p.cluster.Addresses(), ","))
	cmd.Stdout, cmd.Stderr = p.out, p.out
	in, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	a := &actor{play: p, cmd: cmd, in: in, ended: make(chan struct{})}
	go func() {
		defer close(a.ended)
		_ = cmd.Wait() // how it ended is in its state
	}()
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-a.ended
	})
	return a
}

// hear waits for the first line that a word is in, from the line of a number on, and
// returns it and the number of the next one.
func (p *play) hear(from int, what string) (line string, next int) {
	p.t.Helper()
	patience := time.After(nodes.Patience)
	for {
		p.mu.Lock()
		for i := from; i < len(p.said); i++ {
			if strings.Contains(p.said[i], what) {
				p.mu.Unlock()
				return p.said[i], i + 1
			}
		}
		heard := p.heard
		p.mu.Unlock()
		select {
		case <-heard:
		case <-patience:
			p.t.Fatalf("nobody said %q", what)
		}
	}
}

// says waits until the actor has said something, and returns the whole line. Who
// speaks begins with its label, which ends with the number of its process.
func (a *actor) says(what string) string {
	a.play.t.Helper()
	line, _ := a.play.hear(0, a.label()+what)
	return line
}

func (a *actor) label() string { return fmt.Sprintf("/%d ", a.cmd.Process.Pid) }

// pressEnter is what a person does.
func (a *actor) pressEnter() {
	a.play.t.Helper()
	if _, err := io.WriteString(a.in, "\n"); err != nil {
		a.play.t.Fatal(err)
	}
}

func (a *actor) signal(s syscall.Signal) {
	a.play.t.Helper()
	if err := a.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		a.play.t.Fatal(err)
	}
}

// end waits until the process has ended, and returns its exit code.
func (a *actor) end() int {
	a.play.t.Helper()
	select {
	case <-a.ended:
		return a.cmd.ProcessState.ExitCode()
	case <-time.After(nodes.Patience):
		a.play.t.Fatalf("%v did not end", a.cmd)
		return 0
	}
}

// lease returns what a node that lives knows of a lease.
func (p *play) lease(name string) nodes.Answer {
	return p.cluster.Nodes[0].Get("/v1/leases/" + name)
}

// queued waits until so many wait for a lease.
func (p *play) queued(name string, count int64) {
	p.t.Helper()
	nodes.Eventually(p.t, fmt.Sprintf("%d wait for %s", count, name), func() bool {
		return p.lease(name).Number("queue_length") == count
	})
}

// token returns the number that stands behind the last "token" of a line.
func token(t *testing.T, line string) int64 {
	t.Helper()
	_, text, _ := cutLast(line, "token ")
	number, _, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil {
		t.Fatalf("%q tells no token", line)
	}
	return n
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

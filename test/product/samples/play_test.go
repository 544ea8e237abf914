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

// A play is several processes of one sample. All write to one pipe, so that their output has one order.
type play struct {
	t       *testing.T
	cluster *nodes.Cluster
	line    []string // command line
	dir     string   // working directory
	out     *os.File // the pipe

	// mu guards the fields below.
	mu      sync.Mutex
	lines   []string
	changed chan struct{} // closed and replaced at each new line
}

// An actor is one of the processes.
type actor struct {
	play  *play
	cmd   *exec.Cmd
	in    io.Writer
	ended chan struct{} // closed when it has exited
}

func newPlay(t *testing.T, c *nodes.Cluster, line []string) *play {
	t.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &play{t: t, cluster: c, line: line, dir: t.TempDir(), out: to, changed: make(chan struct{})}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		p.listen(from)
	}()
	t.Cleanup(func() {
		to.Close() // the cleanups of the actors ran first
		<-drained
		from.Close()
		if t.Failed() {
			t.Logf("the processes printed:\n%s", strings.Join(p.lines, "\n"))
		}
	})
	return p
}

func (p *play) listen(from io.Reader) {
	for lines := bufio.NewScanner(from); lines.Scan(); {
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
}

// start starts one more process of the sample. The test kills it at its end.
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
		_ = cmd.Wait() // the state has the exit code
	}()
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have exited
		<-a.ended
	})
	return a
}

// lineWith waits for the first line from index from on that contains what. It returns the line and the index of the
// next one.
func (p *play) lineWith(from int, what string) (line string, next int) {
	p.t.Helper()
	patience := time.After(nodes.Patience)
	for {
		p.mu.Lock()
		for i := from; i < len(p.lines); i++ {
			if strings.Contains(p.lines[i], what) {
				p.mu.Unlock()
				return p.lines[i], i + 1
			}
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-patience:
			p.t.Fatalf("no process printed %q", what)
		}
	}
}

// prints waits until the actor prints a line that contains what, and returns the line. Each line starts with a label
// that ends with the process ID.
func (a *actor) prints(what string) string {
	a.play.t.Helper()
	line, _ := a.play.lineWith(0, a.label()+what)
	return line
}

func (a *actor) label() string { return fmt.Sprintf("/%d ", a.cmd.Process.Pid) }

// pressEnter sends a newline to the process.
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

// end waits until the process exits and returns its exit code.
func (a *actor) end() int {
	a.play.t.Helper()
	select {
	case <-a.ended:
		return a.cmd.ProcessState.ExitCode()
	case <-time.After(nodes.Patience):
		a.play.t.Fatalf("%v did not exit", a.cmd)
		return 0
	}
}

// lease reads a lease from the first node.
func (p *play) lease(name string) nodes.Answer {
	return p.cluster.Nodes[0].Get("/v1/leases/" + name)
}

// queued waits until a lease has that many waiters.
func (p *play) queued(name string, count int64) {
	p.t.Helper()
	nodes.Eventually(p.t, fmt.Sprintf("%d sessions wait for %s", count, name), func() bool {
		return p.lease(name).Number("queue_length") == count
	})
}

// token returns the number after the last "token" of a line.
func token(t *testing.T, line string) int64 {
	t.Helper()
	_, text, _ := cutLast(line, "token ")
	number, _, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil {
		t.Fatalf("%q contains no token", line)
	}
	return n
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

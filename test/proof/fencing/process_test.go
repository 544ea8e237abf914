package fencing

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/nodes"
)

// TestMain runs a client if a test started this process as one.
func TestMain(m *testing.M) {
	if raw := os.Getenv(settingsVariable); raw != "" {
		if err := runClient(raw); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(nodes.Main(m))
}

// start starts a process, which the test kills at its end. It reads the output before it waits for the exit.
func start(t *testing.T, cmd *exec.Cmd, printed func()) (ended <-chan error) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	gone := make(chan struct{})
	go func() {
		if printed != nil {
			printed()
		}
		done <- cmd.Wait()
		close(gone)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have exited
		<-gone
	})
	return done
}

// crew is the client processes and the elements that were acknowledged to them.
type crew struct {
	t       *testing.T
	members []*process

	mu           sync.Mutex
	acknowledged []int
}

type process struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr bytes.Buffer
	ended  <-chan error
}

func startCrew(t *testing.T, count int, addresses []string, store string) *crew {
	t.Helper()
	c := &crew{t: t}
	for i := range count {
		raw, err := json.Marshal(settings{Client: i + 1, Nodes: addresses, Store: store})
		if err != nil {
			t.Fatal(err)
		}
		p := &process{cmd: exec.Command(os.Args[0])}
		p.cmd.Env = append(os.Environ(), settingsVariable+"="+string(raw))
		p.cmd.Stderr = &p.stderr
		stdin, err := p.cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := p.cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		p.stdin = stdin
		p.ended = start(t, p.cmd, func() { c.listen(stdout) })
		c.members = append(c.members, p)
	}
	return c
}

func (c *crew) listen(to io.Reader) {
	for lines := bufio.NewScanner(to); lines.Scan(); {
		if element, err := strconv.Atoi(lines.Text()); err == nil {
			c.mu.Lock()
			c.acknowledged = append(c.acknowledged, element)
			c.mu.Unlock()
		}
	}
}

func (c *crew) updates() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.acknowledged)
}

// signal sends a signal to a client. Clients are numbered from 1.
func (c *crew) signal(client int, s syscall.Signal) {
	c.t.Helper()
	if err := c.members[client-1].cmd.Process.Signal(s); err != nil {
		c.t.Error(err)
	}
}

// stop lets every client finish its update, and returns the acknowledged elements.
func (c *crew) stop() []int {
	c.t.Helper()
	for _, p := range c.members {
		p.stdin.Close()
	}
	for i, p := range c.members {
		select {
		case err := <-p.ended:
			if err != nil {
				c.t.Errorf("client %d exited with %v", i+1, err)
			}
			if p.stderr.Len() > 0 {
				c.t.Logf("client %d printed:\n%s", i+1, p.stderr.String())
			}
		case <-time.After(nodes.Patience):
			c.t.Fatalf("client %d did not exit", i+1)
		}
	}
	return c.acknowledged
}

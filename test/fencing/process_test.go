package fencing

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for a condition that must come true.
const patience = 30 * time.Second

// binary is built once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "lockd-fencing-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "lockd")
	out, err := exec.Command("go", "build", "-o", path, "github.com/lockd/lockd/cmd/lockd").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building lockd: %w\n%s", err, out)
	}
	return path, nil
})

// TestMain is a client where a test has started it as one.
func TestMain(m *testing.M) {
	if told := os.Getenv(settingsVariable); told != "" {
		if err := runClient(told); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	path, err := binary()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(filepath.Dir(path))
	os.Exit(code)
}

// freeAddress returns a loopback address that nobody listens on at the moment,
// outside of the range that outgoing connections take theirs from.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(18_000))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// startNodes runs three nodes that form a cluster and returns their addresses.
func startNodes(t *testing.T) []string {
	t.Helper()
	lockd, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for range 3 {
		all = append(all, freeAddress(t))
	}
	for i, address := range all {
		cmd := exec.Command(lockd, "server", "--node-id", fmt.Sprintf("n%d", i), "--data-dir", t.TempDir(),
			"--http-addr", address, "--peer-addr", freeAddress(t), "--bootstrap-expect", "3", "--join", strings.Join(all, ","))
		var log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &log, &log
		t.Cleanup(func() { // after the node's end
			if t.Failed() {
				t.Logf("the log of n%d:\n%s", i, log.Bytes()[max(0, log.Len()-4096):])
			}
		})
		start(t, cmd, nil)
	}
	for _, address := range all {
		eventually(t, address+" is ready", func() bool {
			resp, err := http.Get("http://" + address + "/readyz")
			if err != nil {
				return false
			}
			resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
	}
	return all
}

// start runs a process that the test ends at the latest. What it prints is read
// before its end is waited for.
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
		_ = cmd.Process.Kill() // it may have ended
		<-gone
	})
	return done
}

// crew is the client processes, and what was acknowledged to them.
type crew struct {
	t       *testing.T
	members []*process

	mu           sync.Mutex
	acknowledged []int
}

type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	said  bytes.Buffer
	ended <-chan error
}

func startCrew(t *testing.T, count int, nodes []string, store string) *crew {
	t.Helper()
	c := &crew{t: t}
	for i := range count {
		told, err := json.Marshal(settings{Client: i + 1, Nodes: nodes, Store: store})
		if err != nil {
			t.Fatal(err)
		}
		p := &process{cmd: exec.Command(os.Args[0])}
		p.cmd.Env = append(os.Environ(), settingsVariable+"="+string(told))
		p.cmd.Stderr = &p.said
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

// signal sends a signal to a client by its number, from 1.
func (c *crew) signal(client int, s syscall.Signal) {
	c.t.Helper()
	if err := c.members[client-1].cmd.Process.Signal(s); err != nil {
		c.t.Error(err)
	}
}

// stop lets every client end what it is doing, and returns what was acknowledged.
func (c *crew) stop() []int {
	c.t.Helper()
	for _, p := range c.members {
		p.stdin.Close()
	}
	for i, p := range c.members {
		select {
		case err := <-p.ended:
			if err != nil {
				c.t.Errorf("client %d ended with %v", i+1, err)
			}
			if p.said.Len() > 0 {
				c.t.Logf("client %d said:\n%s", i+1, p.said.String())
			}
		case <-time.After(patience):
			c.t.Fatalf("client %d did not end", i+1)
		}
	}
	return c.acknowledged
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("it never came true that %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Package e2e tests the real binary: processes that are killed, stopped and
// started over damaged data.
package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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
	dir, err := os.MkdirTemp("", "lockd-e2e-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "lockd")
	build := exec.Command("go", "build", "-o", path, "github.com/lockd/lockd/cmd/lockd")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building lockd: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	path, err := binary()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(filepath.Dir(path))
	os.Exit(code)
}

func lockd(t *testing.T) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// node is one lockd process, running or not.
type node struct {
	t          *testing.T
	name, dir  string
	http, peer string
	flags      []string
	cmd        *exec.Cmd
	ended      chan error
	log        *bytes.Buffer
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

func newNode(t *testing.T, name string, flags ...string) *node {
	n := &node{t: t, name: name, dir: t.TempDir(), http: freeAddress(t), peer: freeAddress(t), flags: flags, log: &bytes.Buffer{}}
	t.Cleanup(func() {
		n.kill()
		if t.Failed() {
			t.Logf("the log of %s:\n%s", n.name, tail(n.log.String(), 40))
		}
	})
	return n
}

func tail(s string, lines int) string {
	all := strings.Split(s, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func (n *node) command() *exec.Cmd {
	args := append([]string{
		"server", "--node-id", n.name, "--data-dir", n.dir, "--http-addr", n.http, "--peer-addr", n.peer,
		"--heartbeat-timeout", "300ms",
	}, n.flags...)
	cmd := exec.Command(lockd(n.t), args...)
	cmd.Env = append(os.Environ(), "LOCKD_LOG_FORMAT=text")
	return cmd
}

func (n *node) start() {
	n.t.Helper()
	n.run(n.command())
}

func (n *node) run(cmd *exec.Cmd) {
	n.t.Helper()
	n.cmd = cmd
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(n.cmd, n.ended)
}

func (n *node) signal(s syscall.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.t.Fatal(err)
	}
}

// wait returns how the process ended.
func (n *node) wait() error {
	n.t.Helper()
	select {
	case err := <-n.ended:
		n.cmd = nil
		return err
	case <-time.After(patience):
		n.t.Fatalf("%s did not end", n.name)
		return nil
	}
}

func (n *node) kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill()
		<-n.ended
		n.cmd = nil
	}
}

// fails starts the node, and returns what it says when it ends at once.
func (n *node) fails() (code int, said string) {
	n.t.Helper()
	cmd := n.command()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	timeout := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timeout.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		n.t.Fatalf("%s started and ended well, though it should not have: %v\n%s", n.name, err, out.String())
	}
	return exit.ExitCode(), out.String()
}

type trio struct {
	t     *testing.T
	nodes []*node
}

func startTrio(t *testing.T, flags ...string) *trio {
	t.Helper()
	c := &trio{t: t}
	var join []string
	for i := range 3 {
		n := newNode(t, fmt.Sprintf("n%d", i), flags...)
		c.nodes = append(c.nodes, n)
		join = append(join, n.http)
	}
	for _, n := range c.nodes {
		n.flags = append(n.flags, "--bootstrap-expect", "3", "--join", strings.Join(join, ","))
		n.start()
	}
	for _, n := range c.nodes {
		n.waitReady()
	}
	return c
}

func (n *node) waitReady() {
	n.t.Helper()
	eventually(n.t, n.name+" is ready", func() bool { return n.get("/readyz").status == http.StatusOK })
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

// leader returns the node that the given ones agree leads.
func leader(t *testing.T, among ...*node) *node {
	t.Helper()
	var found *node
	eventually(t, "the nodes agree on a leader", func() bool {
		found = nil
		for _, n := range among {
			s := n.get("/v1/cluster")
			for _, o := range among {
				if o.name == s.text("leader") && (found == nil || found == o) {
					found = o
				} else if o.name == s.text("leader") {
					return false
				}
			}
			if found == nil || s.text("leader") != found.name {
				return false
			}
		}
		return found.get("/readyz").status == http.StatusOK
	})
	return found
}

func (c *trio) others(than *node) []*node {
	var rest []*node
	for _, n := range c.nodes {
		if n != than {
			rest = append(rest, n)
		}
	}
	return rest
}

type answer struct {
	status int
	body   map[string]any
	raw    string
	err    error
}

var client = &http.Client{
	Timeout:   20 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: 64},
}

func (n *node) get(path string) answer { return n.do(http.MethodGet, path, nil) }

func (n *node) post(path string, body any) answer { return n.do(http.MethodPost, path, body) }

func (n *node) do(method, path string, body any) answer {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return answer{err: err}
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, "http://"+n.http+path, r)
	if err != nil {
		return answer{err: err}
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, raw: string(raw), err: err}
	_ = json.Unmarshal(raw, &a.body)
	return a
}

func (a answer) number(field string) int64 {
	f, _ := a.body[field].(float64)
	return int64(f)
}

func (a answer) text(field string) string {
	s, _ := a.body[field].(string)
	return s
}

func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.err != nil || a.status != status {
		t.Fatalf("want %d, got %d %v %s", status, a.status, a.err, a.raw)
	}
	return a
}

type in map[string]any

const (
	alice = "alice-session-0001"
	bob   = "bob-session-000001"
)

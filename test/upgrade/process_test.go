package upgrade

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockd/lockd/test/nodes"
)

// patience is how long a test waits for a condition that must come true.
const patience = 30 * time.Second

// node is one lockd process, running or not, of one version or another.
type node struct {
	t          *testing.T
	name, dir  string
	http, peer string
	flags      []string
	cmd        *exec.Cmd
	ended      chan error
	log        *lockedBuffer
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newNode(t *testing.T, name, dir string, flags ...string) *node {
	n := &node{t: t, name: name, dir: dir, http: nodes.FreeAddress(t), peer: nodes.FreeAddress(t), flags: flags, log: &lockedBuffer{}}
	t.Cleanup(func() {
		n.end(syscall.SIGKILL)
		if t.Failed() {
			lines := strings.Split(n.log.String(), "\n")
			t.Logf("the log of %s:\n%s", n.name, strings.Join(lines[max(0, len(lines)-40):], "\n"))
		}
	})
	return n
}

func (n *node) command(binary string) *exec.Cmd {
	cmd := exec.Command(binary, append([]string{
		"server", "--node-id", n.name, "--data-dir", n.dir, "--http-addr", n.http, "--peer-addr", n.peer,
		"--heartbeat-timeout", "300ms", "--request-timeout", "1s",
	}, n.flags...)...)
	cmd.Env = append(os.Environ(), "LOCKD_LOG_FORMAT=text")
	cmd.Stdout, cmd.Stderr = n.log, n.log
	return cmd
}

// start starts the node of a version and waits until it serves.
func (n *node) start(binary string) {
	n.t.Helper()
	n.begin(binary)
	eventually(n.t, n.name+" is ready", func() bool { return n.get("/readyz").status == http.StatusOK })
}

func (n *node) begin(binary string) {
	n.t.Helper()
	cmd := n.command(binary)
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	ended := make(chan error, 1)
	n.cmd, n.ended = cmd, ended
	go func() { ended <- cmd.Wait() }()
}

// stop ends the node as an operator does, and wants it to end well.
func (n *node) stop() {
	n.t.Helper()
	if err := n.end(syscall.SIGTERM); err != nil {
		n.t.Fatalf("%s did not end well: %v", n.name, err)
	}
}

func (n *node) end(s syscall.Signal) error {
	if n.cmd == nil {
		return nil
	}
	_ = n.cmd.Process.Signal(s)
	n.cmd = nil
	select {
	case err := <-n.ended:
		return err
	case <-time.After(patience):
		return errors.New("it goes on")
	}
}

// fails starts the node, which must not go on, and returns what it said.
func (n *node) fails(binary string) (code int, said string) {
	n.t.Helper()
	before := len(n.log.String())
	n.begin(binary)
	select {
	case err := <-n.ended:
		n.cmd = nil
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		}
	case <-time.After(patience):
		n.t.Fatalf("%s goes on, though it should not", n.name)
	}
	return code, n.log.String()[before:]
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came true that %s", what)
		}
	}
}

type answer struct {
	status int
	body   map[string]any
	raw    string
	err    error
}

func (n *node) get(path string) answer { return n.do(http.MethodGet, path, nil, 10*time.Second) }

func (n *node) post(path string, body any) answer {
	return n.do(http.MethodPost, path, body, 10*time.Second)
}

func (n *node) do(method, path string, body any, within time.Duration) answer {
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
	resp, err := (&http.Client{Timeout: within}).Do(req)
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

// metric returns the value of a metric without labels, or -1.
func (n *node) metric(name string) float64 {
	for line := range strings.Lines(n.get("/metrics").raw) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			if f, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
				return f
			}
		}
	}
	return -1
}

// reads returns which version the cluster has on record for each of its nodes.
func (n *node) reads() map[string]int {
	var s struct {
		Nodes []struct {
			Name    string
			Version int
		}
	}
	_ = json.Unmarshal([]byte(n.get("/v1/cluster").raw), &s)
	all := make(map[string]int)
	for _, o := range s.Nodes {
		all[o.Name] = o.Version
	}
	return all
}

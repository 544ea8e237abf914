package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/test/nodes"
)

// patience is how long a test waits for a condition that must come true.
const patience = 30 * time.Second

// member is one node of a test's cluster, running or not.
type member struct {
	name   string
	cfg    app.Config
	app    *app.App
	cancel context.CancelFunc
	done   chan error
}

// cluster is some nodes in this process.
type cluster struct {
	t       *testing.T
	members []*member
	logs    *lockedBuffer
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

// startCluster runs n nodes that form a cluster, and waits until all are ready.
// They look for one another where join says, else at their addresses.
func startCluster(t *testing.T, n int, tune func(*app.Config), join ...string) *cluster {
	t.Helper()
	t.TempDir() // asked for first, it is removed last: after the nodes have ended
	c := &cluster{t: t, logs: &lockedBuffer{}}
	t.Cleanup(c.close)
	var addresses []string
	for i := range n {
		m := c.newMember(fmt.Sprintf("n%d", i), tune)
		addresses = append(addresses, m.cfg.HTTPAddr)
	}
	if len(join) == 0 {
		join = addresses
	}
	for _, m := range c.members {
		if n > 1 {
			m.cfg.BootstrapExpect, m.cfg.Join = n, join
		}
		c.start(m)
	}
	c.waitReady()
	return c
}

func (c *cluster) newMember(name string, tune func(*app.Config)) *member {
	m := &member{name: name, cfg: app.Config{
		NodeID: name, DataDir: c.t.TempDir(), HTTPAddr: nodes.FreeAddress(c.t), PeerAddr: nodes.FreeAddress(c.t),
		HeartbeatTimeout: 300 * time.Millisecond,
		DrainTimeout:     2 * time.Second,
		Log:              slog.New(slog.NewTextHandler(c.logs, &slog.HandlerOptions{Level: slog.LevelDebug})).With("at", name),
	}}
	if tune != nil {
		tune(&m.cfg)
	}
	c.members = append(c.members, m)
	return m
}

func (c *cluster) start(m *member) {
	c.t.Helper()
	cfg := m.cfg
	a, err := app.New(cfg)
	if err != nil {
		c.t.Fatalf("starting %s: %v", m.name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.app, m.cancel, m.done = a, cancel, make(chan error, 1)
	go func() { m.done <- a.Run(ctx) }()
}

// stop ends a node as SIGTERM would.
func (c *cluster) stop(m *member) {
	c.t.Helper()
	if m.app == nil {
		return
	}
	m.cancel()
	select {
	case err := <-m.done:
		if err != nil {
			c.t.Errorf("%s did not end cleanly: %v", m.name, err)
		}
	case <-time.After(patience):
		c.t.Errorf("%s did not end", m.name)
	}
	m.app = nil
}

func (c *cluster) close() {
	for _, m := range c.members {
		c.stop(m)
	}
	if c.t.Failed() && testing.Verbose() {
		c.t.Logf("the nodes' log:\n%s", c.logs.buf.String())
	}
}

func (c *cluster) running() []*member {
	var up []*member
	for _, m := range c.members {
		if m.app != nil {
			up = append(up, m)
		}
	}
	return up
}

func (c *cluster) waitReady() {
	c.t.Helper()
	for _, m := range c.running() {
		eventually(c.t, m.name+" is ready", func() bool { return m.get("/readyz").status == http.StatusOK })
	}
}

// leader returns the node that leads, when all that run agree on it.
func (c *cluster) leader() *member {
	c.t.Helper()
	var found *member
	eventually(c.t, "the nodes agree on a leader", func() bool {
		found = nil
		for _, m := range c.running() {
			s := m.app.Node().Status()
			if s.State == "leader" && m.app.Node().Ready() == nil {
				found = m
			}
		}
		for _, m := range c.running() {
			if found == nil || m.app.Node().LeaderName() != found.name {
				return false
			}
		}
		return true
	})
	return found
}

func (c *cluster) follower() *member {
	c.t.Helper()
	leader := c.leader()
	for _, m := range c.running() {
		if m != leader {
			return m
		}
	}
	c.t.Fatal("there is no follower")
	return nil
}

// agree waits until every node that runs has the same machine, byte for byte.
func (c *cluster) agree() {
	c.t.Helper()
	eventually(c.t, "the replicas agree", func() bool {
		first, _ := c.running()[0].app.Node().Hash()
		for _, m := range c.running()[1:] {
			if hash, _ := m.app.Node().Hash(); hash != first {
				return false
			}
		}
		return true
	})
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

// answer is what a node said.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
	err    error
}

func (m *member) url(path string) string { return "http://" + m.cfg.HTTPAddr + path }

func (m *member) get(path string) answer { return m.do(http.MethodGet, path, nil) }

func (m *member) post(path string, body any) answer { return m.do(http.MethodPost, path, body) }

func (m *member) do(method, path string, body any) answer {
	return m.doContext(context.Background(), method, path, body)
}

func (m *member) doContext(ctx context.Context, method, path string, body any) answer {
	var r io.Reader
	if s, ok := body.(string); ok {
		r = strings.NewReader(s)
	} else if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return answer{err: err}
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, m.url(path), r)
	if err != nil {
		return answer{err: err}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(raw), err: err}
	_ = json.Unmarshal(raw, &a.body) // text answers have no body
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

// want fails the test unless the answer has the status.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.err != nil || a.status != status {
		t.Fatalf("want %d, got %d %v %s", status, a.status, a.err, a.raw)
	}
	return a
}

// in is a request's body.
type in map[string]any

const (
	alice = "alice-session-0001"
	bob   = "bob-session-000001"
	carol = "carol-session-0001"
)

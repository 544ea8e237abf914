//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/lockdtest"
)

// A manager is a service manager that receives notifications.
type manager struct {
	path string
	conn *net.UnixConn

	mu       sync.Mutex
	received []string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // the name of a test may be too long for a socket path
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{path: filepath.Join(dir, "notify")}
	if m.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.conn.Close()
		os.RemoveAll(dir)
	})
	return m
}

// listen receives notifications.
func (m *manager) listen() {
	b := make([]byte, 4096)
	for {
		n, err := m.conn.Read(b)
		if err != nil {
			return
		}
		m.mu.Lock()
		m.received = append(m.received, string(b[:n]))
		m.mu.Unlock()
	}
}

// last returns the last notification.
func (m *manager) last() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.received) == 0 {
		return ""
	}
	return m.received[len(m.received)-1]
}

// fill fills the socket buffer.
func (m *manager) fill(t *testing.T) {
	t.Helper()
	to, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	for err == nil {
		_ = to.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, err = to.Write([]byte("STATUS=full"))
	}
}

// underManager starts lockd as a service manager does.
func underManager(t *testing.T, socket, address string, args ...string) *process {
	t.Helper()
	p := newProcess(t, address, args...)
	p.cmd.Env = append(p.cmd.Env, "NOTIFY_SOCKET="+socket)
	p.start()
	return p
}

func TestServiceManagerReceivesOnlyTheStatusOfTheElection(t *testing.T) {
	server := lockdtest.Start(t)
	other := acquired(t, server, "job")
	other.KeepAlive()
	m := newManager(t)
	go m.listen()
	p := underManager(t, m.path, server.Address, "elect", "job", "--ttl", "2s", "--", "sh", "-c", `test -S "$NOTIFY_SOCKET" && `+leading)
	expect := func(status string) {
		t.Helper()
		until(t, status, func() bool { return m.last() == "STATUS="+status })
	}
	expect("waiting for next")
	if err := other.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	token := p.leads(server)
	expect(fmt.Sprintf("leading, with token %d", token))
	breaks(t, server, token)
	expect(fmt.Sprintf("leading, with token %d", p.leads(server)))
	p.signal(syscall.SIGTERM)
	p.wait()
	expect("released")
	for _, status := range m.received {
		if !regexp.MustCompile(`^STATUS=.+$`).MatchString(status) {
			t.Errorf("notification %q: only the command may report readiness", status)
		}
	}
}

func TestServiceManagerReceivesTheStatusOfHooks(t *testing.T) {
	server := lockdtest.Start(t)
	m := newManager(t)
	go m.listen()
	const waiting = "until test -e go.%[1]s; do sleep 0.01; done"
	p := underManager(t, m.path, server.Address, "elect", "job", "--on-gain", fmt.Sprintf(waiting, "gain"),
		"--on-lose", fmt.Sprintf(waiting, "lose"), "--", "sh", "-c", leading)
	expect := func(pattern string) {
		t.Helper()
		until(t, pattern, func() bool { return regexp.MustCompile("^STATUS=" + pattern + "$").MatchString(m.last()) })
	}
	expect(`leading: on-gain, with token \d+`)
	p.write("go.gain")
	p.leads(server)
	expect(`leading, with token \d+`)
	p.signal(syscall.SIGTERM)
	expect("on-lose")
	p.write("go.lose")
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestServiceManagerThatDoesNotListenBlocksNothing(t *testing.T) {
	server := lockdtest.Start(t)
	silent := newManager(t)
	silent.fill(t)
	for what, socket := range map[string]string{"does not read": silent.path, "does not exist": filepath.Join(t.TempDir(), "none")} {
		p := underManager(t, socket, server.Address, "elect", "job", "--ttl", "2s", "--", "sh", "-c", leading)
		breaks(t, server, p.leads(server))
		p.leads(server)
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code != 0 {
			t.Errorf("a manager that %s: exit %d", what, code)
		}
		if s, err := server.Client(lockd.Config{}).Get(t.Context(), "job"); err != nil || s.State != "free" {
			t.Errorf("a manager that %s: %+v, %v", what, s, err)
		}
	}
}

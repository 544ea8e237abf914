package api_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/api"
	"github.com/lockd/lockd/internal/fsm"
)

// exhausted is a listener of a process that has no descriptor left, for as long as lack is set. As the kernel does, it
// accepts a connection once the process has closed a file, and keeps those that it did not accept.
type exhausted struct {
	net.Listener
	lack atomic.Bool
	free func() int // descriptors that were closed since
}

func (e *exhausted) Accept() (net.Conn, error) {
	if e.lack.Load() && e.free() <= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return e.Listener.Accept()
}

// openNulls counts the process's descriptors of /dev/null.
func openNulls(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("descriptors cannot be counted here: %v", err)
	}
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && to == os.DevNull {
			n++
		}
	}
	return n
}

func TestAClientWithoutADescriptorIsAnswered(t *testing.T) {
	before := openNulls(t)
	n := newNode()
	server := api.New(api.Config{Leases: n, Events: watchers{n}, Cluster: &members{node: n}})
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &exhausted{Listener: inner}
	l.free = func() int { return before + 1 - openNulls(t) }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, l) }()
	ask := func() int {
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := ask(); got != 200 {
		t.Errorf("answered %d", got)
	}
	l.lack.Store(true)
	ask() // Accept was waiting before
	for range 5 {
		if got := ask(); got != 503 {
			t.Errorf("without a descriptor a client is answered %d", got)
		}
	}
	l.lack.Store(false)
	ask()
	if got := ask(); got != 200 {
		t.Errorf("with descriptors again a client is answered %d", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if now := openNulls(t); now != before {
		t.Errorf("%d descriptors of %s are left", now-before, os.DevNull)
	}
}

// A client that sends its request before it is refused reads the answer: the connection is not reset over what it sent.
func TestARefusedClientReadsTheAnswer(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.MaxConnsPerIP = 1 })
	dial(t, w)
	eventually(t, "the connection is counted", func() bool {
		status, _ := raw(t, w, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		return status == http.StatusServiceUnavailable
	})
	for range 200 {
		if status, _ := raw(t, w, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); status != http.StatusServiceUnavailable {
			t.Fatalf("answered %d", status)
		}
	}
}

// What a client does not read stays small in the kernel: a stream of two megabytes does not fit, and is cut.
func TestAStreamThatIsNotReadCostsTheKernelLittle(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.WriteTimeout = 200 * time.Millisecond })
	w.hold("big", "w", sessionA)
	unreadState(t, w, "127.0.0.1", "text/event-stream")
	eventually(t, "it watches", func() bool { return w.watchers() == 1 })
	padding := "y" + strings.Repeat("x", 4000)
	w.set(func(n *node) {
		for range 512 {
			padding = padding[1:] + padding[:1]
			meta := `{"pad":"` + padding + `"}`
			n.apply(&fsm.Renew{Name: "big", Session: sessionA, Meta: &meta})
		}
	})
	eventually(t, "it is cut", func() bool { return w.watchers() == 0 })
}

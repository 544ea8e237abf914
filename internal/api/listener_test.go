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

// exhausted is a listener of a process that has no file descriptor left while lack is set. Like the kernel, it accepts
// a connection after the process has closed a file, and keeps connections that are not accepted in its backlog.
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

// openNulls returns the number of the process's descriptors of /dev/null.
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

func TestClientIsAnsweredWithoutFreeDescriptor(t *testing.T) {
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
	get := func() int {
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
	if got := get(); got != 200 {
		t.Errorf("status is %d", got)
	}
	l.lack.Store(true)
	get() // Accept was waiting before
	for range 5 {
		if got := get(); got != 503 {
			t.Errorf("without a descriptor the status is %d", got)
		}
	}
	l.lack.Store(false)
	get()
	if got := get(); got != 200 {
		t.Errorf("with descriptors again the status is %d", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if now := openNulls(t); now != before {
		t.Errorf("%d descriptors of %s are left", now-before, os.DevNull)
	}
}

// TestARefusedClientReadsTheAnswer: the connection is not reset if the client has sent its request before it is
// refused.
func TestARefusedClientReadsTheAnswer(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.MaxConnsPerIP = 1 })
	dial(t, w)
	eventually(t, "the connection is counted", func() bool {
		status, _ := raw(t, w, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		return status == http.StatusServiceUnavailable
	})
	for range 200 {
		if status, _ := raw(t, w, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); status != http.StatusServiceUnavailable {
			t.Fatalf("status is %d", status)
		}
	}
}

// TestUnreadStreamUsesLittleKernelMemory: two megabytes of a stream do not fit in the kernel's buffers, so that a
// client that does not read them is disconnected.
func TestUnreadStreamUsesLittleKernelMemory(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.WriteTimeout = 200 * time.Millisecond })
	w.hold("big", "w", sessionA)
	unreadState(t, w, "127.0.0.1", "text/event-stream")
	eventually(t, "the watch is open", func() bool { return w.watchers() == 1 })
	padding := "y" + strings.Repeat("x", 4000)
	w.set(func(n *node) {
		for range 512 {
			padding = padding[1:] + padding[:1]
			meta := `{"pad":"` + padding + `"}`
			n.apply(&fsm.Renew{Name: "big", Session: sessionA, Meta: &meta})
		}
	})
	eventually(t, "the client is disconnected", func() bool { return w.watchers() == 0 })
}

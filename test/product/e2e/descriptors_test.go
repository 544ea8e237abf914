package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/nodes"
)

// Clients that keep all connections of a node open do not use up the file descriptors that the node needs. The node
// refuses further clients at once, serves the connected ones, and writes snapshots.
func TestClientsDoNotTakeAllFileDescriptors(t *testing.T) {
	n := nodes.New(t, "a", "--snapshot-threshold", "10", "--snapshot-interval", "20ms", "--trailing-logs", "1")
	cmd := n.Command()
	limited := exec.Command("sh", append([]string{"-c", `ulimit -n 64 && exec "$@"`, "sh"}, cmd.Args...)...)
	limited.Env, limited.Stdout, limited.Stderr, limited.Dir = cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir
	n.Run(limited)
	n.WaitReady()
	if !strings.Contains(n.Log(), "allows fewer client connections than configured") {
		t.Error("the node does not log that it serves fewer connections than configured")
	}
	for range 100 {
		conn, err := net.Dial("tcp", n.HTTP)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	conn, err := net.Dial("tcp", n.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(nodes.Patience))
	if _, err := io.WriteString(conn, "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("a client above the limit gets no response: %v", err)
	}
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a client above the limit gets status %s", resp.Status)
	}
	resp.Body.Close()
	// The client of this test keeps its open connection.
	for i := range 50 {
		n.Post(fmt.Sprintf("/v1/leases/job-%d/acquire", i), nodes.In{"holder": "a", "session": alice}).Want(t, http.StatusCreated)
	}
	nodes.Eventually(t, "a snapshot is written", func() bool { return strings.Contains(n.Log(), "a snapshot was written") })
}

package agent_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/agent"
)

// serve runs the HTTP side alone of an agent whose cluster does not exist. Requests must arrive within arrive.
func serve(t *testing.T, arrive time.Duration) string {
	t.Helper()
	client, err := lockd.New(lockd.Config{Addresses: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	server := agent.New(client, agent.Options{Name: name, AllowedHosts: []string{"agent.example"}, Acquire: lockd.AcquireOptions{TTL: time.Minute}}).NewServer()
	if server.ReadTimeout <= 0 || server.WriteTimeout <= 0 || server.IdleTimeout <= 0 {
		t.Error("a read or a write of the server has no deadline")
	}
	server.ReadHeaderTimeout, server.ReadTimeout = arrive, arrive
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return listener.Addr().String()
}

func open(t *testing.T, address, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestAgentClosesConnectionsWhoseBodyDoesNotArrive(t *testing.T) {
	address := serve(t, 50*time.Millisecond)
	for name, request := range map[string]string{
		"header":           "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n",
		"body":             "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n",
		"chunks":           "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"stream":           "GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n",
		"unknown path":     "POST /nope HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n",
		"unknown method":   "PUT / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n",
		"expectation":      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: more\r\nContent-Length: 10\r\n\r\n",
		"options of all":   "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n",
		"HTTP/1.0":         "GET / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 10\r\n\r\n",
		"malformed header": "GET / HTTP/1.1\r\n: x\r\nContent-Length: 10\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := io.Copy(io.Discard, open(t, address, request)); err != nil {
				t.Errorf("the connection stays open: %v", err)
			}
		})
	}
}

func TestStreamOutlivesTheReadDeadlineOfItsRequest(t *testing.T) {
	const arrive = 50 * time.Millisecond
	conn := open(t, serve(t, arrive), "GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * arrive))
	if _, err := in.ReadByte(); err == nil || err == io.EOF {
		t.Errorf("the stream ends after its request's deadline: %v", err)
	}
}

func TestAgentAcceptsOnlyItsOwnNames(t *testing.T) {
	address := serve(t, time.Minute)
	for host, want := range map[string]int{
		"127.0.0.1:4040": 200, "[::1]": 200, "localhost": 200, "agent.example": 200, "AGENT.example.:4040": 200,
		"evil.example": 421, "x.agent.example": 421, "": 421,
	} {
		for _, path := range []string{"/healthz", "/nope"} {
			resp, err := http.ReadResponse(bufio.NewReader(open(t, address, "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := resp.StatusCode; got != want && (got != 404 || path != "/nope" || want != 200) {
				t.Errorf("%s for %q is answered %s", path, host, resp.Status)
			}
		}
	}
	if resp, err := http.ReadResponse(bufio.NewReader(open(t, address, "GET /healthz HTTP/1.0\r\n\r\n")), nil); err != nil || resp.StatusCode != 200 {
		t.Errorf("a health check of HTTP/1.0 without a Host: %v %v", resp, err)
	}
}

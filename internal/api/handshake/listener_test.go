package handshake_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/api/handshake"
	"github.com/lockd/lockd/test/harness/certs"
)

const patience = 20 * time.Second

// start serves "ok" over TLS, and returns the address and a client that trusts it.
func start(t *testing.T, timeout time.Duration) (address string, client *http.Client, wait func()) {
	t.Helper()
	cluster := certs.New(t, "prod")
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := handshake.Listen(inner, handshake.Config{
		TLS: cluster.Store("a").HTTPServer(), Logger: slog.New(slog.DiscardHandler), Timeout: timeout,
	})
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })}
	var served sync.WaitGroup
	served.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		s.Close()
		served.Wait()
	})
	client = cluster.HTTPClient(cluster.Dir)
	client.Transport.(*http.Transport).DisableKeepAlives = true
	client.Timeout = patience
	return inner.Addr().String(), client, served.Wait
}

func get(t *testing.T, client *http.Client, address string) {
	t.Helper()
	resp, err := client.Get("https://" + address)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// TestStalledHandshakesDelayNoOtherAddress: 2,000 connections that begin a handshake and send no more of it do not
// delay a client at another address.
func TestStalledHandshakesDelayNoOtherAddress(t *testing.T) {
	address, client, _ := start(t, patience)
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	for i := range 2_000 {
		conn, err := d.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Skipf("this host has no second loopback address, or too few open files: %v", err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := conn.Write([]byte{0x16, 3, 1}); err != nil {
			t.Fatal(err)
		}
		if i%200 == 0 {
			get(t, client, address)
		}
	}
	get(t, client, address)
}

func TestStalledHandshakeIsClosed(t *testing.T) {
	address, _, _ := start(t, 50*time.Millisecond)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := io.Copy(io.Discard, conn); errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the connection is open: %v", err)
	}
}

func TestPlainRequestIsAnsweredWithWhatToDo(t *testing.T) {
	address, _, _ := start(t, patience)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "OPTIONS"} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, method+" /v1/leases HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 400 || !strings.Contains(string(body), "use https://") {
			t.Errorf("%s: %d %s", method, resp.StatusCode, body)
		}
		conn.Close()
	}
}

// TestOnlyTLS13AndHTTP11: a client that offers HTTP/2 gets HTTP/1.1.
func TestOnlyTLS13AndHTTP11(t *testing.T) {
	address, client, _ := start(t, patience)
	config := client.Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = []string{"h2", "http/1.1"}
	conn, err := tls.Dial("tcp", address, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("the protocol is %q", got)
	}
	config.MaxVersion = tls.VersionTLS12
	if conn, err := tls.Dial("tcp", address, config); err == nil {
		conn.Close()
		t.Error("TLS 1.2 is accepted")
	}
}

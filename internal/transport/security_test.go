package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/pki"
	"github.com/lockd/lockd/internal/transport"
	"github.com/lockd/lockd/test/harness/certs"
)

func security(s *pki.Store, mode transport.Mode) *transport.Security {
	return &transport.Security{
		Mode: mode, Own: s.Current().Identity.Name, Name: s.NodeName, Log: slog.New(slog.DiscardHandler),
		Server: func() *tls.Config { return s.PeerServer(nil) },
		Client: func() *tls.Config { return s.PeerClient(nil) },
	}
}

// open opens a connection to the node b at an address.
func open(t *testing.T, s *transport.Security, address string) (transport.Conn, error) {
	t.Helper()
	conn, err := s.Open(t.Context(), transport.Call{
		Dial: func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", address) },
		Kind: transport.KindCall, Hello: transport.Hello{Name: "a"}, Name: "b", Timeout: patience,
	})
	if err == nil {
		t.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

// provenName answers a call with the name in the caller's certificate.
func provenName(from transport.Hello, _ byte, _ []byte, respond func(byte, []byte)) {
	respond(0, []byte(from.Proven))
}

// TestPeerTLSModes: a cluster switches from off to allow to require, one node after another. Then the modes of two nodes
// are never off and require, and each node reaches the other with each pair of the remaining modes.
func TestPeerTLSModes(t *testing.T) {
	cluster := certs.New(t, "prod")
	a, b := cluster.Store("a"), cluster.Store("b")
	modes := []transport.Mode{transport.Off, transport.Allow, transport.Require}
	for _, called := range modes {
		address, _ := serve(t, transport.ServerConfig{Security: security(b, called), Handle: provenName})
		for _, caller := range modes {
			t.Run(fmt.Sprintf("%s calls %s", caller, called), func(t *testing.T) {
				conn, err := open(t, security(a, caller), address)
				mixed := caller == transport.Off || called == transport.Off
				switch {
				case mixed && (caller == transport.Require || called == transport.Require):
					if err == nil {
						t.Error("they are connected")
					}
					return
				case err != nil:
					t.Fatal(err)
				}
				answer, err := conn.Ask(1, patience, 1<<10)
				if err != nil {
					t.Fatal(err)
				}
				wantB, wantA := "b", "a"
				if mixed {
					wantB, wantA = "", ""
				}
				if conn.Name != wantB || string(answer.Payload) != wantA {
					t.Errorf("certificates of %q and %q, want %q and %q", conn.Name, answer.Payload, wantB, wantA)
				}
			})
		}
	}
}

// TestAllowReachesNodesThatRejectTheCertificate: no certificate cuts a node off before it requires TLS.
func TestAllowReachesNodesThatRejectTheCertificate(t *testing.T) {
	own, foreign := certs.New(t, "prod"), certs.New(t, "prod")
	a, b := own.Store("a"), foreign.Store("b")
	address, _ := serve(t, transport.ServerConfig{Security: security(b, transport.Allow), Handle: provenName})
	if conn, err := open(t, security(a, transport.Allow), address); err != nil || conn.Name != "" {
		t.Errorf("allow: %q, %v", conn.Name, err)
	}
	if _, err := open(t, security(a, transport.Require), address); err == nil {
		t.Error("require accepts a node of another authority")
	}
}

// TestAllowDoesNotGiveUpTLSForAnErrorOfTheNetwork: a connection is reset before the handshake, as by a node that
// restarts. A connection without TLS would stay open.
func TestAllowDoesNotGiveUpTLSForAnErrorOfTheNetwork(t *testing.T) {
	a := certs.New(t, "prod").Store("a")
	l := listener(t)
	var dialled atomic.Int64
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			dialled.Add(1)
			if tcp, ok := conn.(*net.TCPConn); ok && dialled.Load()%2 == 0 {
				_ = tcp.SetLinger(0)
			}
			conn.Close() // with a reset, or with the end of the connection
		}
	}()
	for range 4 {
		if _, err := open(t, security(a, transport.Allow), l.Addr().String()); err == nil {
			t.Error("the connection is open")
		}
	}
	if n := dialled.Load(); n != 4 {
		t.Errorf("the address was dialled %d times, want 4", n)
	}
}

func TestAnotherNodeAtAnAddressIsRefused(t *testing.T) {
	cluster := certs.New(t, "prod")
	address, _ := serve(t, transport.ServerConfig{Security: security(cluster.Store("c"), transport.Require), Handle: provenName})
	if _, err := open(t, security(cluster.Store("a"), transport.Require), address); err == nil || !strings.Contains(err.Error(), "for another node: c") {
		t.Errorf("the node c answers instead of b: %v", err)
	}
}

// TestHTTPPortsAreReported: both forms of a peer connection report an HTTP port, with and without TLS there.
func TestHTTPPortsAreReported(t *testing.T) {
	cluster := certs.New(t, "prod")
	a, b := cluster.Store("a"), cluster.Store("b")
	for name, listen := range map[string]func() net.Listener{
		"http":  func() net.Listener { return listener(t) },
		"https": func() net.Listener { return tls.NewListener(listener(t), b.HTTPServer()) },
	} {
		l := listen()
		serveHTTP(t, l)
		for _, mode := range []transport.Mode{transport.Off, transport.Allow, transport.Require} {
			if name == "https" && mode == transport.Off {
				continue // it closes the connection without an answer
			}
			if _, err := open(t, security(a, mode), l.Addr().String()); !errors.Is(err, transport.ErrHTTPPort) {
				t.Errorf("%s, from a node with %s: %v", name, mode, err)
			}
		}
	}
}

// TestAbandonedTLSConnectionDropsWhatItHasNotSent is TestAConnectionThatIsGivenUpDropsWhatItHasNotSent with TLS.
func TestAbandonedTLSConnectionDropsWhatItHasNotSent(t *testing.T) {
	cluster := certs.New(t, "prod")
	a, b := cluster.Store("a"), cluster.Store("b")
	l := listener(t)
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		secured := tls.Server(conn, b.PeerServer(nil))
		welcome(t, secured)
		accepted <- conn
	}()
	c := transport.NewClient(func(context.Context) (transport.Conn, error) {
		return open(t, security(a, transport.Require), l.Addr().String())
	})
	called := make(chan error, 1)
	go func() {
		_, err := c.Call(t.Context(), 1, payloadOf(make([]byte, 64<<20)))
		called <- err
	}()
	conn := <-accepted
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := <-called; !errors.Is(err, transport.ErrBroken) {
		t.Errorf("the call ended with %v", err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the other side sees %v: what was not sent may have arrived", err)
	}
}

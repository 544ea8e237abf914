package transport_test

import (
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/transport"
)

const patience = 20 * time.Second

// listen accepts one connection on loopback and answers its hello.
func listen(t *testing.T) (address string, accepted <-chan net.Conn) {
	t.Helper()
	l := listener(t)
	conns := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		welcome(t, conn)
		conns <- conn
	}()
	return l.Addr().String(), conns
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// welcome answers the hello of a connection.
func welcome(t *testing.T, conn net.Conn) {
	var head [3]byte
	_, err := io.ReadFull(conn, head[:])
	if err == nil {
		_, err = io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint16(head[1:])))
	}
	if err == nil {
		answer := []byte(`{"version":1}`)
		_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	}
	if err != nil {
		t.Error(err)
	}
}

func serveHTTP(t *testing.T, l net.Listener) {
	s := &http.Server{ErrorLog: log.New(io.Discard, "", 0)}
	var served sync.WaitGroup
	served.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		s.Close()
		served.Wait()
	})
}

// A call that waits in the send queue of a connection must not arrive after its
// caller has given the connection up.
func TestAConnectionThatIsGivenUpDropsWhatItHasNotSent(t *testing.T) {
	address, accepted := listen(t)
	c := client(address, transport.Hello{})
	called := make(chan error, 1)
	go func() {
		_, err := c.Call(t.Context(), 1, payloadOf(make([]byte, 64<<20))) // more than kernels hold
		called <- err
	}()
	conn := <-accepted
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, 1<<20)); err != nil { // it is on its way
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

// opened opens a connection and sends a hello.
func opened(t *testing.T, address string, h transport.Hello) (net.Conn, error) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return transport.Greet(conn, transport.KindCall, h, patience)
}

// Strangers have few places, and members have places that strangers cannot take.
func TestStrangersTakeNoPlaceOfAMember(t *testing.T) {
	address, _ := serve(t, transport.ServerConfig{
		Member: func(h transport.Hello) bool { return h.Name == "member" },
		Handle: func(_ transport.Hello, _ byte, _ []byte, respond func(byte, []byte)) { respond(7, nil) },
	})
	var strangers []net.Conn
	for range 40 {
		conn, err := opened(t, address, transport.Hello{Name: "stranger"})
		if err != nil {
			t.Fatal(err)
		}
		strangers = append(strangers, conn)
	}
	for i, conn := range strangers { // the newest 16 of an address stay open, and they are idle for 10 s at most
		limit := time.Now().Add(patience)
		if i >= 40-16 {
			limit = time.Now().Add(50 * time.Millisecond)
		}
		if err := conn.SetReadDeadline(limit); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) != (i >= 40-16) {
			t.Errorf("stranger %d: %v", i, err)
		}
	}
	for i := range 20 {
		if _, err := opened(t, address, transport.Hello{Name: "member"}); err != nil {
			t.Fatalf("connection %d of the member: %v", i, err)
		}
	}
}

// Connections that stall, from as many addresses as fill all places, keep no member out.
func TestStalledHandshakesKeepNoMemberOut(t *testing.T) {
	address, _ := serve(t, transport.ServerConfig{
		Member: func(h transport.Hello) bool { return h.Name == "member" },
		Handle: func(_ transport.Hello, _ byte, _ []byte, respond func(byte, []byte)) { respond(7, nil) },
	})
	for i := range 10_000 {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i%100))}}
		conn, err := d.DialContext(t.Context(), "tcp", address)
		if errors.Is(err, syscall.EMFILE) && i >= 2_000 {
			break // as many as this process may open
		}
		if err != nil {
			t.Skipf("this host has not enough loopback addresses: %v", err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := conn.Write([]byte{0x16, 3, 1}); err != nil && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
			t.Fatal(err)
		}
		if i%1_000 == 0 {
			c := client(address, transport.Hello{Name: "member"})
			if _, err := c.Call(t.Context(), 1, payloadOf(nil)); err != nil {
				t.Fatalf("the member after %d stalled connections: %v", i, err)
			}
			c.Close()
		}
	}
}

// A frame that is announced with more bytes than its sender may send ends the
// connection before the bytes are read.
func TestAFrameThatIsTooLongEndsTheConnection(t *testing.T) {
	address, _ := serve(t, transport.ServerConfig{
		Member: func(h transport.Hello) bool { return h.Name == "member" },
		Handle: func(_ transport.Hello, _ byte, _ []byte, respond func(byte, []byte)) { respond(7, nil) },
	})
	for name, test := range map[string]struct {
		size uint32
		ok   bool
	}{"stranger": {64<<10 + 1, false}, "member": {1 << 20, true}} {
		for _, size := range []uint32{test.size, 100 << 20} {
			conn, err := opened(t, address, transport.Hello{Name: name})
			if err != nil {
				t.Fatal(err)
			}
			head := append(binary.BigEndian.AppendUint32(nil, size), make([]byte, 9)...)
			if _, err := conn.Write(head); err != nil {
				t.Fatal(err)
			}
			ok := test.ok && size == test.size
			if ok {
				if _, err := conn.Write(make([]byte, size)); err != nil {
					t.Fatal(err)
				}
			}
			if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if n, _ := io.ReadFull(conn, make([]byte, 13)); ok != (n == 13) {
				t.Errorf("%s announces %d bytes, and is answered %d", name, size, n)
			}
		}
	}
}

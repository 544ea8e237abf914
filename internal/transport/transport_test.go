package transport_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/transport"
)

// serve runs a server on loopback until the test ends.
func serve(t *testing.T, cfg transport.ServerConfig) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listener, cfg.Log = l, slog.New(slog.DiscardHandler)
	if cfg.Admit == nil {
		cfg.Admit = func(transport.Kind, transport.Hello) error { return nil }
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = transport.NewServer(cfg).Run(ctx)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

func client(address string, h transport.Hello) *transport.Client {
	return transport.NewClient(func(ctx context.Context) (transport.Conn, error) {
		return dial(ctx, transport.KindCall, address, h)
	})
}

// payloadOf encodes a payload in the same way in every version.
func payloadOf(payload []byte) func(uint64) ([]byte, error) {
	return func(uint64) ([]byte, error) { return payload, nil }
}

// A call and its answer are encoded in the older version of the two sides.
func TestAConnectionSpeaksTheVersionThatBothSidesRead(t *testing.T) {
	for _, test := range []struct{ caller, called, want uint64 }{
		{1, 1, 1}, {2, 1, 1}, {1, 2, 1}, {2, 2, 2}, {3, 2, 2}, {0, 2, 1}, {2, 0, 1},
	} {
		received := make(chan uint64, 1)
		address, stop := serve(t, transport.ServerConfig{
			Version: test.called,
			Handle: func(from transport.Hello, _ byte, _ []byte, respond func(byte, []byte)) {
				received <- from.Version
				respond(0, nil)
			},
		})
		c := client(address, transport.Hello{Version: test.caller})
		var encoded uint64
		a, err := c.Call(t.Context(), 1, func(version uint64) ([]byte, error) { encoded = version; return nil, nil })
		if err != nil {
			t.Fatal(err)
		}
		if by := <-received; encoded != test.want || by != test.want || a.Version != test.want {
			t.Errorf("version %d calls %d: encoded in %d, received in %d, answered in %d; want %d",
				test.caller, test.called, encoded, by, a.Version, test.want)
		}
		refusal := errors.New("no form for this")
		_, err = c.Call(t.Context(), 1, func(uint64) ([]byte, error) { return nil, refusal })
		if !errors.Is(err, refusal) || !errors.Is(err, transport.ErrNotSent) {
			t.Errorf("what cannot be encoded: %v", err)
		}
		c.Close()
		stop()
	}
}

func TestCallsShareAConnectionAndAnswersFindTheirCalls(t *testing.T) {
	address, _ := serve(t, transport.ServerConfig{
		Handle: func(from transport.Hello, method byte, payload []byte, respond func(byte, []byte)) {
			go respond(method, []byte(from.Name+string(payload))) // in any order
		},
	})
	c := client(address, transport.Hello{Name: "me:"})
	defer c.Close()
	var all sync.WaitGroup
	for i := range 500 {
		all.Go(func() {
			want := fmt.Sprintf("me:%d", i)
			a, err := c.Call(t.Context(), byte(i), payloadOf(fmt.Append(nil, i)))
			if err != nil || a.Status != byte(i) || string(a.Payload) != want {
				t.Errorf("%d: %d %q %v", i, a.Status, a.Payload, err)
			}
		})
	}
	all.Wait()
}

func TestAConnectionThatIsNotAdmittedIsRefusedWithTheReason(t *testing.T) {
	address, _ := serve(t, transport.ServerConfig{
		Admit: func(k transport.Kind, h transport.Hello) error {
			if h.Cluster != "right" {
				return errors.New("this is another cluster")
			}
			return nil
		},
		Handle: func(_ transport.Hello, _ byte, _ []byte, respond func(byte, []byte)) { respond(0, nil) },
	})
	c := client(address, transport.Hello{Cluster: "wrong"})
	defer c.Close()
	_, err := c.Call(t.Context(), 1, payloadOf(nil))
	if !errors.Is(err, transport.ErrNotSent) || !strings.HasSuffix(err.Error(), ": this is another cluster") {
		t.Errorf("%v", err)
	}
}

func TestKindsArriveWhereTheyBelong(t *testing.T) {
	raft := make(chan net.Conn, 1)
	address, _ := serve(t, transport.ServerConfig{Raft: func(c net.Conn) { raft <- c }})
	conn, err := dial(t.Context(), transport.KindRaft, address, transport.Hello{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	other := <-raft
	defer other.Close()
	got := make([]byte, 5)
	if _, err := other.Read(got); err != nil || string(got) != "hello" {
		t.Errorf("%q %v", got, err)
	}
}

func TestWhatIsNotAPeerIsCutOff(t *testing.T) {
	address, _ := serve(t, transport.ServerConfig{})
	for _, garbage := range []string{"GET / HTTP/1.1\r\n\r\n", "L\xff\xff", "R\x00\x02no"} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(garbage)); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q was answered: %d %v", garbage, n, err)
		}
		conn.Close()
	}
}

func TestACallUnderABrokenConnectionIsUnknownAndOneThatNeverLeftIsNot(t *testing.T) {
	arrived := make(chan struct{})
	address, stop := serve(t, transport.ServerConfig{
		Handle: func(transport.Hello, byte, []byte, func(byte, []byte)) { close(arrived) }, // never answers
	})
	c := client(address, transport.Hello{})
	defer c.Close()
	broken := make(chan error, 1)
	go func() {
		_, err := c.Call(context.Background(), 1, payloadOf(nil))
		broken <- err
	}()
	<-arrived
	stop()
	if err := <-broken; !errors.Is(err, transport.ErrBroken) {
		t.Errorf("a call whose connection broke: %v", err)
	}
	if _, err := c.Call(t.Context(), 1, payloadOf(nil)); !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("a call without a server: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Call(ctx, 1, payloadOf(nil)); err == nil {
		t.Error("a call whose time is over was made")
	}
}

func dial(ctx context.Context, kind transport.Kind, address string, h transport.Hello) (transport.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return transport.Conn{}, err
	}
	return transport.Greet(conn, kind, h, time.Second)
}

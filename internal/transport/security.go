package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"
)

// A Mode says which connections between nodes use TLS.
type Mode string

// Modes. Allow is for the time in which a running cluster changes from Off to Require, node after node.
const (
	Off     Mode = "off"     // none
	Allow   Mode = "allow"   // all to nodes that accept TLS; a connection without it is accepted, too
	Require Mode = "require" // all
)

// Security is the TLS of the peer port. nil is Off.
type Security struct {
	Mode   Mode
	Own    string                                    // the node's name in its own certificate
	Server func() *tls.Config                        // for one connection that is accepted
	Client func() *tls.Config                        // for one connection that is opened
	Name   func(tls.ConnectionState) (string, error) // the node's name in the other side's certificate
	Serial func(node string) string                  // of the certificate that a node was last seen with, or ""; nil: unknown
	Log    *slog.Logger

	// mu guards logged: by node, why a connection to it had no TLS.
	mu     sync.Mutex
	logged map[string]string
}

const (
	// tlsRecord is the first byte of a connection with TLS. It is no Kind.
	tlsRecord = 0x16
	// maxLogged bounds the nodes whose missing TLS is remembered.
	maxLogged = 64
)

var (
	errNoTLS       = errors.New("a connection without TLS is refused: --peer-tls is require here")
	errTLS         = errors.New("a connection with TLS is refused: --peer-tls is off here")
	errCertificate = errors.New("the certificate at this address is for another node")

	// ErrHTTPPort reports that an HTTP port answers at the address of a node.
	ErrHTTPPort = errors.New("this is an HTTP port: use the node's peer address, port 7401")
)

func (s *Security) mode() Mode {
	if s == nil {
		return Off
	}
	return s.Mode
}

// accept performs the TLS handshake of a new connection if it begins with one. It returns the name in the caller's
// certificate, or "" for a connection without TLS. The deadline of the connection is set.
func (s *Security) accept(conn net.Conn) (secured net.Conn, name string, err error) {
	if err := conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return nil, "", err
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(conn, first); err != nil {
		return nil, "", err
	}
	conn = &startedConn{Conn: conn, first: first}
	switch encrypted := first[0] == tlsRecord; {
	case encrypted && s.mode() == Off:
		_, err := conn.Write(noTLS)
		drain(conn)
		return nil, "", errors.Join(errTLS, err)
	case encrypted:
		secured, name, err = s.finish(context.Background(), tls.Server(conn, s.Server()))
		if err != nil {
			drain(conn)
		}
		return secured, name, err
	case s.mode() == Require:
		return nil, "", errNoTLS
	}
	return conn, "", nil
}

// noTLS is the answer to a TLS handshake if the mode is Off: a record with the fatal alert protocol_version.
var noTLS = []byte{0x15, 3, 3, 0, 2, 2, 70}

const (
	drainTimeout = time.Second
	maxDrained   = 64 << 10
)

// drain reads what the other side has sent before its connection is closed. A connection that is closed with unread
// data is reset, and the other side could lose the alert that states why TLS failed.
func drain(conn net.Conn) {
	if err := conn.SetDeadline(time.Now().Add(drainTimeout)); err != nil {
		return
	}
	if started, ok := conn.(*startedConn); ok {
		if half, ok := started.Conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}
	_, _ = io.CopyN(io.Discard, conn, maxDrained)
}

func (s *Security) finish(ctx context.Context, conn *tls.Conn) (net.Conn, string, error) {
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, "", err
	}
	name, err := s.Name(conn.ConnectionState())
	return conn, name, err
}

// startedConn is a connection whose first byte was read already.
type startedConn struct {
	net.Conn
	first []byte
}

func (c *startedConn) Read(b []byte) (int, error) {
	if len(c.first) > 0 && len(b) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// A Call describes a connection to open.
type Call struct {
	Dial    func(ctx context.Context) (net.Conn, error)
	Kind    Kind
	Hello   Hello
	Name    string // of the node that must answer; "" accepts every node
	Timeout time.Duration
}

// Open opens a connection to a node, with TLS if the mode requires it. With Allow, it opens one without TLS if one side
// rejects TLS or a certificate: it must reach nodes whose mode is Off, and no node may be cut off before every mode is
// Require. It does not do so after an error of the network, because a connection without TLS would then stay open.
func (s *Security) Open(ctx context.Context, c Call) (Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if s.mode() == Off {
		return c.open(ctx, nil)
	}
	conn, err := c.open(ctx, s)
	if err == nil || s.mode() == Require || !rejectsTLS(err) {
		return conn, err
	}
	plain, failed := c.open(ctx, nil)
	if failed != nil {
		return plain, err
	}
	s.report(c.Name, err)
	return plain, nil
}

// rejectsTLS reports whether a connection with TLS failed because one side rejects TLS or a certificate.
func rejectsTLS(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op == "remote error" || op.Op == "local error" // alerts of TLS, not errors of the network
	}
	var refused *refusedError
	for _, other := range []error{io.EOF, io.ErrUnexpectedEOF, context.Canceled, context.DeadlineExceeded, ErrHTTPPort} {
		if errors.Is(err, other) {
			return false
		}
	}
	return !errors.As(err, &refused)
}

// open opens the connection once. s is nil for one without TLS.
func (c Call) open(ctx context.Context, s *Security) (Conn, error) {
	conn, err := c.Dial(ctx)
	if err != nil {
		return Conn{}, err
	}
	name := ""
	if s != nil {
		secured, proven, err := s.finish(ctx, tls.Client(conn, s.Client()))
		if err == nil && c.Name != "" && proven != c.Name {
			err = fmt.Errorf("%w: %s", errCertificate, proven)
		}
		if err != nil {
			conn.Close()
			return Conn{}, httpPort(err)
		}
		conn, name = secured, proven
	}
	timeout := c.Timeout
	if end, ok := ctx.Deadline(); ok {
		timeout = time.Until(end)
	}
	opened, err := Greet(conn, c.Kind, c.Hello, timeout)
	opened.Name = name
	return opened, err
}

// httpPort replaces the error of a TLS handshake with an HTTP port.
func httpPort(err error) error {
	var wrong tls.RecordHeaderError
	plain := errors.As(err, &wrong) && strings.HasPrefix(string(wrong.RecordHeader[:]), "HTTP")
	if plain || strings.Contains(err.Error(), "no application protocol") {
		return fmt.Errorf("%w (%w)", ErrHTTPPort, err)
	}
	return err
}

// report logs that a node was reached only without TLS, once for each reason.
func (s *Security) report(name string, reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logged[name] == reason.Error() {
		return
	}
	if s.logged == nil || len(s.logged) >= maxLogged {
		s.logged = make(map[string]string)
	}
	s.logged[name] = reason.Error()
	s.Log.Warn("a node was reached without TLS: set --peer-tls allow there before any node has require", "node", name, "reason", reason)
}

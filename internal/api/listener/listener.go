package listener

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/lockd/lockd/internal/api/handshake"
	"github.com/lockd/lockd/internal/api/limits"
)

// Config configures a listener.
type Config struct {
	Connections *limits.Connections
	Logger      *slog.Logger

	TLS              *tls.Config   // nil: plain HTTP
	HandshakeTimeout time.Duration // maximum time of a TLS handshake
}

// Listen bounds the connections of a listener and, with TLS, performs their handshakes. The result owns l.
func Listen(l net.Listener, cfg Config) net.Listener {
	bounded := &listener{
		Listener: l, conns: cfg.Connections, log: cfg.Logger,
		lingering: make(chan struct{}, maxLingering), rejection: []byte(rejection),
	}
	if cfg.TLS == nil {
		return bounded
	}
	bounded.rejection = nil // a client of TLS cannot read it
	return handshake.Listen(bounded, handshake.Config{TLS: cfg.TLS, Logger: cfg.Logger, Timeout: cfg.HandshakeTimeout})
}

// listener answers connections over the bounds with a 503 and closes them, so that their clients can try another
// node at once. If the process has no file descriptor left, it does the same with a spare descriptor.
type listener struct {
	net.Listener
	conns     *limits.Connections
	log       *slog.Logger
	lingering chan struct{} // has an element for each connection that is being rejected
	rejection []byte        // the answer to these

	// mu guards spare and closed. Accept is called by one goroutine, Close by another.
	mu     sync.Mutex
	spare  *os.File
	closed bool
	warned time.Time // used only by Accept
}

const (
	// maxLingering bounds the rejected connections that are read at once, so that their clients get the answer.
	maxLingering = 16
	// lingerTime is how long a rejected connection is read.
	lingerTime = 500 * time.Millisecond
	// spareLinger replaces lingerTime for a connection that uses the spare descriptor, because Accept blocks meanwhile.
	spareLinger = 10 * time.Millisecond
	// maxDiscarded bounds the bytes that are read from a rejected connection: those of the longest body.
	maxDiscarded = 64 << 10
	// warnEvery is the minimum time between two warnings about missing descriptors.
	warnEvery = 10 * time.Second
)

func (l *listener) Accept() (net.Conn, error) {
	for {
		l.keepSpare()
		conn, err := l.Listener.Accept()
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			err = l.refuseWithSpare(err)
			if err == nil {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		ip := limits.Address(conn.RemoteAddr().String())
		if l.conns.Enter(ip) {
			boundBuffers(conn)
			return newConnection(conn, sync.OnceFunc(func() { l.conns.Leave(ip) })), nil
		}
		l.reject(conn)
	}
}

// keepSpare opens the spare descriptor if it is not open.
func (l *listener) keepSpare() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spare == nil && !l.closed {
		l.spare, _ = os.Open(os.DevNull) // if this fails, Accept fails and is called again
	}
}

func (l *listener) dropSpare(closed bool) (had bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = l.closed || closed
	if l.spare == nil {
		return false
	}
	_ = l.spare.Close()
	l.spare = nil
	return true
}

// refuseWithSpare frees the spare descriptor, and uses it to accept and refuse one connection.
func (l *listener) refuseWithSpare(lack error) error {
	if now := time.Now(); now.Sub(l.warned) > warnEvery {
		l.warned = now
		l.log.Warn("no file descriptor for a client's connection: raise the limit of open files or lower --max-conns", "err", lack)
	}
	if !l.dropSpare(false) {
		return lack
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		return err
	}
	l.refuse(conn, spareLinger)
	return nil
}

// Close closes the listener and the spare descriptor.
func (l *listener) Close() error {
	l.dropSpare(true)
	return l.Listener.Close()
}

const rejection = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n" +
	"Cache-Control: no-store\r\nContent-Length: 0\r\n\r\n"

// reject refuses a connection without blocking Accept. If too many connections are being refused, it does not linger.
func (l *listener) reject(conn net.Conn) {
	select {
	case l.lingering <- struct{}{}:
		go func() {
			defer func() { <-l.lingering }()
			l.refuse(conn, lingerTime)
		}()
	default:
		l.refuse(conn, 0)
	}
}

// refuse answers a connection with a 503 and closes it. The write goes to an empty send buffer, so the deadline matters
// only in the worst case. Then it reads what the client sends, for linger: closing a connection with unread data resets
// it, and the client can lose the answer.
func (l *listener) refuse(conn net.Conn, linger time.Duration) {
	defer conn.Close()
	if len(l.rejection) == 0 {
		return
	}
	if conn.SetDeadline(time.Now().Add(max(linger, 50*time.Millisecond))) != nil {
		return
	}
	if _, err := conn.Write(l.rejection); err != nil || closeWrite(conn) != nil || linger == 0 {
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(linger))
	_, _ = io.Copy(io.Discard, io.LimitReader(conn, maxDiscarded))
}

// connection is a connection that is counted until it is closed.
type connection struct {
	net.Conn
	release       func()
	reads, writes deadline
}

func newConnection(conn net.Conn, release func()) *connection {
	return &connection{
		Conn: conn, release: release, reads: deadline{set: conn.SetReadDeadline}, writes: deadline{set: conn.SetWriteDeadline},
	}
}

func (c *connection) Read(b []byte) (n int, err error) {
	for {
		if err := c.reads.begin(); err != nil {
			return 0, err
		}
		n, err = c.Conn.Read(b)
		if !c.reads.end(err) {
			return n, err
		}
	}
}

func (c *connection) Write(b []byte) (n int, err error) {
	for {
		if err := c.writes.begin(); err != nil {
			return n, err
		}
		written, err := c.Conn.Write(b[n:])
		n += written
		if !c.writes.end(err) {
			return n, err
		}
	}
}

func (c *connection) SetReadDeadline(t time.Time) error { return c.reads.change(t) }

func (c *connection) SetWriteDeadline(t time.Time) error { return c.writes.change(t) }

func (c *connection) SetDeadline(t time.Time) error {
	return errors.Join(c.reads.change(t), c.writes.change(t))
}

func (c *connection) Close() error {
	c.release()
	return c.Conn.Close()
}

// CloseWrite lets the HTTP server close its side first. Without it a client can lose an answer that was sent before its
// body was read.
func (c *connection) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

package handshake

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/lockd/lockd/internal/api/limits"
)

// Config configures a Listener.
type Config struct {
	TLS     *tls.Config
	Logger  *slog.Logger
	Timeout time.Duration // maximum time of a handshake, with the wait for a place; default 5 s
	Most    int           // handshakes at a time; default 256
}

const (
	defaultTimeout = 5 * time.Second
	defaultMost    = 256
)

// A Listener returns the connections of another listener after their handshake, as *tls.Conn. It performs each
// handshake in a goroutine of its own. The other listener bounds the number of connections.
type Listener struct {
	net.Listener
	cfg  Config
	gate *gate
	done chan accepted

	ctx     context.Context // ends with Close
	close   context.CancelFunc
	started sync.Once
}

type accepted struct {
	conn net.Conn
	err  error
}

// Listen returns a Listener, which owns l.
func Listen(l net.Listener, c Config) *Listener {
	c.Timeout, c.Most = cmp.Or(c.Timeout, defaultTimeout), cmp.Or(c.Most, defaultMost)
	t := &Listener{Listener: l, cfg: c, gate: newGate(c.Most), done: make(chan accepted)}
	t.ctx, t.close = context.WithCancel(context.Background())
	return t
}

// Accept returns the next connection whose handshake has succeeded, or an error of the other listener.
func (l *Listener) Accept() (net.Conn, error) {
	l.started.Do(func() { go l.run() })
	select {
	case a := <-l.done:
		return a.conn, a.err
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close closes the other listener and ends the handshakes.
func (l *Listener) Close() error {
	l.close()
	return l.Listener.Close()
}

// run accepts connections until Close. After an error it continues at the next Accept, so that the caller decides when.
func (l *Listener) run() {
	for l.ctx.Err() == nil {
		conn, err := l.Listener.Accept()
		if err != nil {
			l.deliver(accepted{err: err})
			continue
		}
		go l.serve(conn)
	}
}

func (l *Listener) deliver(a accepted) {
	select {
	case l.done <- a:
	case <-l.ctx.Done():
		if a.conn != nil {
			_ = a.conn.Close()
		}
	}
}

func (l *Listener) serve(conn net.Conn) {
	secured, err := l.handshake(conn)
	if err != nil {
		l.cfg.Logger.Debug("a TLS handshake failed", "remote", conn.RemoteAddr().String(), "err", err)
		explain(err)
		_ = conn.Close()
		return
	}
	l.deliver(accepted{conn: secured})
}

func (l *Listener) handshake(conn net.Conn) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(l.ctx, l.cfg.Timeout)
	defer cancel()
	leave, err := l.gate.enter(ctx, limits.Address(conn.RemoteAddr().String()), cancel)
	if err != nil {
		return nil, err
	}
	defer leave()
	secured := tls.Server(conn, l.cfg.TLS)
	return secured, secured.HandshakeContext(ctx)
}

const plainHTTP = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n" +
	"This port requires TLS: use https:// instead of http://.\n"

// explain answers a request without TLS with what to do.
func explain(err error) {
	var wrong tls.RecordHeaderError
	if !errors.As(err, &wrong) || wrong.Conn == nil {
		return
	}
	switch start := string(wrong.RecordHeader[:]); {
	case strings.HasPrefix(start, "GET /"), strings.HasPrefix(start, "HEAD "), strings.HasPrefix(start, "POST "),
		strings.HasPrefix(start, "PUT /"), strings.HasPrefix(start, "OPTIO"):
		if wrong.Conn.SetDeadline(time.Now().Add(time.Second)) == nil {
			_, _ = io.WriteString(wrong.Conn, plainHTTP)
		}
	}
}

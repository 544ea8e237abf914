package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

var (
	// ErrNotSent reports that a call was not sent.
	ErrNotSent = errors.New("the peer cannot be reached")
	// ErrBroken reports that the connection ended during a call: its outcome is unknown.
	ErrBroken = errors.New("the connection to the peer broke")
)

// Greet performs the handshake of a new connection of a kind. If it fails, Greet closes
// the connection.
func Greet(conn net.Conn, kind Kind, h Hello, timeout time.Duration) (Conn, error) {
	version, err := handshake(conn, kind, h, timeout)
	if err != nil {
		conn.Close()
		return Conn{}, err
	}
	if kind == KindCall {
		dropUnsent(conn)
	}
	return Conn{Conn: conn, Version: version}, nil
}

// dropUnsent makes the kernel discard unsent data when the connection is closed, also if
// the process ends. Otherwise a canceled call would stay in the send queue and arrive
// after a network failure has ended.
func dropUnsent(conn net.Conn) {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if c, ok := conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = c.SetLinger(0) // if it fails, the other side still refuses late copies
	}
}

// A Client makes calls to one node over one connection. It opens the connection for the
// first call, and again after it broke. It is safe for concurrent use.
type Client struct {
	dial func(ctx context.Context) (Conn, error)

	dialling chan struct{} // holds a token while a caller dials; the others wait for its result

	// mu guards the rest. It is never held while dialling.
	mu     sync.Mutex
	conn   *clientConn
	closed bool
	failed time.Time
	cause  error
}

// redial is how long later callers get the error of a failed dial without another dial.
const redial = 100 * time.Millisecond

// NewClient returns a client that opens its connection with dial.
func NewClient(dial func(ctx context.Context) (Conn, error)) *Client {
	return &Client{dial: dial, dialling: make(chan struct{}, 1)}
}

// Close ends the connection; calls that wait fail with ErrBroken.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.conn != nil {
		c.conn.end()
	}
}

// An Answer is the response to a call.
type Answer struct {
	Status  byte
	Payload []byte
	Version uint64 // of the connection
}

// Call sends a call and waits for its answer or for ctx. encode receives the version of
// the connection. Errors wrap ErrNotSent or ErrBroken, or are ctx's; after ErrBroken and
// ctx's errors the outcome is unknown.
func (c *Client) Call(ctx context.Context, method byte, encode func(version uint64) ([]byte, error)) (Answer, error) {
	conn, err := c.connected(ctx)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	payload, err := encode(conn.version)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	id, answers, err := conn.begin()
	if err != nil {
		return Answer{}, err
	}
	if !conn.w.send(frame{id: id, tag: method, payload: payload}) {
		conn.forget(id)
		return Answer{}, ErrNotSent
	}
	select {
	case f, ok := <-answers:
		if !ok {
			return Answer{}, ErrBroken
		}
		return Answer{f.tag, f.payload, conn.version}, nil
	case <-ctx.Done():
		conn.forget(id)
		return Answer{}, ctx.Err()
	}
}

// Ask makes the only call of a connection, and closes it. The answer has at most longest bytes.
func (c Conn) Ask(method byte, timeout time.Duration, longest int) (Answer, error) {
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return Answer{}, err
	}
	if _, err := c.Write(frame{id: 1, tag: method}.appendTo(nil)); err != nil {
		return Answer{}, err
	}
	f, err := readFrame(bufio.NewReader(c), longest)
	if err != nil {
		return Answer{}, err
	}
	return Answer{f.tag, f.payload, c.Version}, nil
}

// connected returns the connection, or opens it: callers share one, and one failure.
func (c *Client) connected(ctx context.Context) (*clientConn, error) {
	if conn, err := c.present(); conn != nil || errors.Is(err, net.ErrClosed) {
		return conn, err
	}
	select {
	case c.dialling <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-c.dialling }()
	if conn, err := c.present(); conn != nil || err != nil {
		return conn, err // another caller has dialled meanwhile
	}
	conn, err := c.dial(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed, c.cause = time.Now(), err
	switch {
	case err != nil:
		return nil, err
	case c.closed:
		conn.Close()
		return nil, net.ErrClosed
	}
	c.conn = newClientConn(conn)
	return c.conn, nil
}

// present returns the open connection, or the error of a recent dial. It returns neither
// if the caller may dial.
func (c *Client) present() (*clientConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, net.ErrClosed
	case c.conn != nil && c.conn.alive():
		return c.conn, nil
	case c.cause != nil && time.Since(c.failed) < redial:
		return nil, c.cause
	}
	return nil, nil
}

// clientConn is one connection and the calls that wait on it.
type clientConn struct {
	w       *writer
	version uint64

	// mu guards the rest.
	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan frame
	ended   bool
}

func newClientConn(conn Conn) *clientConn {
	c := &clientConn{w: newWriter(conn), version: conn.Version, waiting: make(map[uint64]chan frame)}
	go c.read(bufio.NewReaderSize(conn, 32<<10))
	return c
}

func (c *clientConn) alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.ended
}

func (c *clientConn) begin() (uint64, chan frame, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return 0, nil, ErrNotSent
	}
	c.next++
	answers := make(chan frame, 1)
	c.waiting[c.next] = answers
	return c.next, answers, nil
}

func (c *clientConn) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

func (c *clientConn) read(r *bufio.Reader) {
	defer c.end()
	for {
		f, err := readFrame(r, MaxFrame)
		if err != nil {
			return
		}
		c.mu.Lock()
		answers, ok := c.waiting[f.id]
		delete(c.waiting, f.id)
		c.mu.Unlock()
		if ok {
			answers <- f
		}
	}
}

// end fails every call that waits.
func (c *clientConn) end() {
	c.w.stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for id, answers := range c.waiting {
		close(answers)
		delete(c.waiting, id)
	}
}

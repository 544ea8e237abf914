package transport

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Stream is Raft's way over the peer port. Raft names peers by server ID, and
// the address is looked up at each dial, so addresses may change.
type Stream struct {
	Dialer Dialer // opens connections; set once

	self  net.Addr
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}

	dialling context.Context // ends with HangUp
	cancel   func()
}

// A Dialer opens a connection of a kind to a node by its ID.
type Dialer func(ctx context.Context, kind Kind, id string, timeout time.Duration) (Conn, error)

// NewStream returns the stream of a node. Its Dialer must be set before Raft dials.
func NewStream(id string) *Stream {
	s := &Stream{self: idAddr(id), conns: make(chan net.Conn), done: make(chan struct{})}
	s.dialling, s.cancel = context.WithCancel(context.Background())
	return s
}

// Dialling returns a context that ends with HangUp.
func (s *Stream) Dialling() context.Context { return s.dialling }

// HangUp ends all dials. No connection is opened after it.
func (s *Stream) HangUp() { s.cancel() }

// Dial is Raft's. It ends at HangUp, too: Raft waits for its calls when it ends,
// and a name that nobody knows may take seconds to be looked up.
func (s *Stream) Dial(id raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	return s.Dialer(s.dialling, KindRaft, string(id), timeout)
}

// Take hands an accepted connection over to Raft.
func (s *Stream) Take(conn net.Conn) {
	select {
	case s.conns <- conn:
	case <-s.done:
		conn.Close()
	}
}

// Accept returns the next connection for Raft.
func (s *Stream) Accept() (net.Conn, error) {
	select {
	case conn := <-s.conns:
		return conn, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

// Close ends the stream, and what waits in Accept.
func (s *Stream) Close() error {
	s.HangUp()
	s.once.Do(func() { close(s.done) })
	return nil
}

// Addr returns the ID of this node.
func (s *Stream) Addr() net.Addr { return s.self }

// idAddr is a node's ID as the address that its transport goes by.
type idAddr string

func (idAddr) Network() string  { return "lockd" }
func (a idAddr) String() string { return string(a) }

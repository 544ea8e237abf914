package transport

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// A Handler answers a call. It must not block. It calls respond exactly once, from any
// goroutine.
type Handler func(from Hello, method byte, payload []byte, respond func(status byte, payload []byte))

// ServerConfig are the settings of a Server.
type ServerConfig struct {
	Listener net.Listener
	Version  uint64                  // the newest that this node reads
	Admit    func(Kind, Hello) error // decides on each connection
	Member   func(Hello) bool        // whether the caller is a member; other callers have lower bounds
	Raft     func(net.Conn)          // takes over Raft's streams
	Handle   Handler
	Security *Security // nil: no TLS
	Log      *slog.Logger
}

// A Server accepts the connections of other nodes.
type Server struct {
	cfg ServerConfig

	// mu guards conns and closed.
	mu     sync.Mutex
	conns  map[net.Conn]*place
	closed bool
	places places
}

const (
	// acceptPause is the pause after a failed accept, for example without file descriptors.
	acceptPause = 50 * time.Millisecond
	// MaxFrame bounds one call or one answer.
	MaxFrame = 128 << 20
)

// NewServer returns a server that Run starts.
func NewServer(cfg ServerConfig) *Server {
	return &Server{cfg: cfg, conns: make(map[net.Conn]*place)}
}

// Run accepts connections until ctx ends, then closes them and waits for their
// goroutines.
func (s *Server) Run(ctx context.Context) error {
	var running sync.WaitGroup
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	defer running.Wait()
	defer s.close()
	for {
		conn, err := s.cfg.Listener.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return ctx.Err()
			}
			s.cfg.Log.Warn("accepting a peer failed", "err", err)
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		}
		place := s.track(conn)
		if place == nil {
			conn.Close() // the server ends
			continue
		}
		running.Go(func() { s.serve(conn, place) })
	}
}

func (s *Server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.cfg.Listener.Close()
	for c := range s.conns {
		c.Close()
	}
}

// track gives a connection a place, or returns nil if the server ends.
func (s *Server) track(conn net.Conn) *place {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	place := s.places.enter(conn)
	s.conns[conn] = place
	return place
}

func (s *Server) forget(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if place := s.conns[conn]; place != nil {
		place.leave()
		delete(s.conns, conn)
	}
}

func (s *Server) serve(raw net.Conn, place *place) {
	conn, kind, hello, r, err := s.greet(raw)
	if err != nil {
		s.cfg.Log.Debug("a peer was refused", "remote", raw.RemoteAddr().String(), "err", err)
		s.forget(raw)
		raw.Close()
		return
	}
	member := s.cfg.Member == nil || s.cfg.Member(hello)
	if member && !place.promote(hello.Proven != "") {
		s.cfg.Log.Warn("a member was refused: too many connections from its address", "remote", raw.RemoteAddr().String())
		s.forget(raw)
		raw.Close()
		return
	}
	if kind == KindRaft {
		s.cfg.Raft(&bufferedConn{Conn: conn, r: r, closed: func() { s.forget(raw) }})
		return
	}
	defer s.forget(raw)
	err = s.calls(conn, hello, r, member)
	s.cfg.Log.Debug("a peer's connection ended", "peer", hello.Name, "err", err)
}

// greet performs the handshakes of a new connection: first that of TLS, if there is one.
func (s *Server) greet(raw net.Conn) (net.Conn, Kind, Hello, *bufio.Reader, error) {
	conn, name, err := s.cfg.Security.accept(raw)
	if err != nil {
		return nil, 0, Hello{}, nil, err
	}
	kind, hello, r, err := greet(conn, name, s.cfg.Version, s.cfg.Admit)
	return conn, kind, hello, r, err
}

// Members returns the number of connections of members, with TLS and without it.
func (s *Server) Members() (secured, plain int) { return s.places.membersByTLS() }

// calls reads calls until the connection ends. The calls of a stranger must be short, and
// follow one another within strangerIdle.
func (s *Server) calls(conn net.Conn, hello Hello, r *bufio.Reader, member bool) error {
	idle, longest, most := time.Duration(0), requestFrame, memberRequests
	if !member {
		idle, longest, most = strangerIdle, strangerFrame, strangerCalls
	}
	w := newWriter(conn)
	defer w.wait()
	defer conn.Close()
	unanswered := make(chan struct{}, most)
	for {
		f, err := readRequest(conn, r, idle, longest)
		if err != nil {
			return err
		}
		select {
		case unanswered <- struct{}{}:
		default:
			return errors.New("too many calls wait for an answer")
		}
		s.cfg.Handle(hello, f.tag, f.payload, func(status byte, payload []byte) {
			<-unanswered
			w.send(frame{id: f.id, tag: status, payload: payload})
		})
	}
}

// bufferedConn is a connection whose first bytes were read already.
type bufferedConn struct {
	net.Conn
	r      *bufio.Reader
	closed func()
}

func (c *bufferedConn) Read(b []byte) (int, error) { return c.r.Read(b) }

func (c *bufferedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

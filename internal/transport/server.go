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

// A Handler answers a call. It must not block: it may answer later, from
// anywhere, exactly once.
type Handler func(from Hello, method byte, payload []byte, respond func(status byte, payload []byte))

// ServerConfig says how a Server serves.
type ServerConfig struct {
	Listener net.Listener
	Version  uint64                  // the newest that this node reads
	Admit    func(Kind, Hello) error // decides on each connection
	Member   func(Hello) bool        // whether the caller is a member; strangers get less
	Raft     func(net.Conn)          // takes over Raft's streams
	Handle   Handler
	Log      *slog.Logger
}

// A Server accepts what other nodes open.
type Server struct {
	cfg ServerConfig

	// mu guards conns and closed.
	mu     sync.Mutex
	conns  map[net.Conn]*place
	closed bool
	places places
}

const (
	// acceptPause keeps a node that is out of file descriptors from spinning.
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
			conn.Close()
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

// track gives a connection a place, or returns nil.
func (s *Server) track(conn net.Conn) *place {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	place := s.places.enter(conn)
	if place != nil {
		s.conns[conn] = place
	}
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

func (s *Server) serve(conn net.Conn, place *place) {
	kind, hello, r, err := greet(conn, s.cfg.Version, s.cfg.Admit)
	if err != nil {
		s.cfg.Log.Debug("a peer was refused", "remote", conn.RemoteAddr().String(), "err", err)
		s.forget(conn)
		conn.Close()
		return
	}
	member := s.cfg.Member == nil || s.cfg.Member(hello)
	if member && !place.promote() {
		s.cfg.Log.Warn("a member was refused: too many connections from its address", "remote", conn.RemoteAddr().String())
		s.forget(conn)
		conn.Close()
		return
	}
	if kind == KindRaft {
		s.cfg.Raft(&bufferedConn{Conn: conn, r: r, closed: func() { s.forget(conn) }})
		return
	}
	defer s.forget(conn)
	err = s.calls(conn, hello, r, member)
	s.cfg.Log.Debug("a peer's connection ended", "peer", hello.Name, "err", err)
}

// calls reads calls until the connection ends. A stranger may say little, and must
// not be silent for long.
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

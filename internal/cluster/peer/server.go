package peer

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
	Raft     func(net.Conn)          // takes over Raft's streams
	Handle   Handler
	Log      *slog.Logger
}

// A Server accepts what other nodes open.
type Server struct {
	cfg ServerConfig

	// mu guards conns and closed.
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

const (
	// maxConns bounds what one port holds open; a cluster needs a few per node.
	maxConns = 512
	// acceptPause keeps a node that is out of file descriptors from spinning.
	acceptPause = 50 * time.Millisecond
	// MaxFrame bounds one call or one answer.
	MaxFrame = 128 << 20
	// maxUnanswered bounds the calls of one connection that wait for an answer.
	maxUnanswered = 32_768
)

// NewServer returns a server that Run starts.
func NewServer(cfg ServerConfig) *Server {
	return &Server{cfg: cfg, conns: make(map[net.Conn]struct{})}
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
		if !s.track(conn) {
			conn.Close()
			continue
		}
		running.Go(func() { s.serve(conn) })
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

func (s *Server) track(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns) >= maxConns {
		return false
	}
	s.conns[conn] = struct{}{}
	return true
}

func (s *Server) forget(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

func (s *Server) serve(conn net.Conn) {
	kind, hello, r, err := greet(conn, s.cfg.Version, s.cfg.Admit)
	if err != nil {
		s.cfg.Log.Debug("a peer was refused", "remote", conn.RemoteAddr().String(), "err", err)
		s.forget(conn)
		conn.Close()
		return
	}
	if kind == KindRaft {
		s.cfg.Raft(&bufferedConn{Conn: conn, r: r, closed: func() { s.forget(conn) }})
		return
	}
	defer s.forget(conn)
	err = s.calls(conn, hello, r)
	s.cfg.Log.Debug("a peer's connection ended", "peer", hello.Name, "err", err)
}

// calls reads calls until the connection ends.
func (s *Server) calls(conn net.Conn, hello Hello, r *bufio.Reader) error {
	w := newWriter(conn)
	defer w.wait()
	defer conn.Close()
	unanswered := make(chan struct{}, maxUnanswered)
	for {
		f, err := readFrame(r)
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

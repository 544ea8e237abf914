package lockdtest

import (
	"net"
	"strings"
	"sync"
)

// A Link is a way to a Server that can be silenced, as a black hole in a network is
// silent: connections stay open, and nothing is told on them.
type Link struct {
	Address string // http://host:port, instead of the Server's

	to string

	// mu guards the rest.
	mu     sync.Mutex
	silent bool
	open   []net.Conn
}

// NewLink returns a way to the node, which ends with the test.
func (s *Server) NewLink() *Link {
	s.t.Helper()
	listener, err := net.Listen("tcp", anyPort)
	if err != nil {
		s.t.Fatalf("lockdtest: %v", err)
	}
	l := &Link{Address: "http://" + listener.Addr().String(), to: strings.TrimPrefix(s.Address, "http://")}
	go l.serve(listener)
	s.t.Cleanup(func() {
		listener.Close()
		l.Cut()
	})
	return l
}

// Silence swallows all that is sent from now on, from either side.
func (l *Link) Silence() { l.set(true) }

// Restore carries again. What was swallowed stays so.
func (l *Link) Restore() { l.set(false) }

// Cut closes all connections.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		c.Close()
	}
	l.open = nil
}

func (l *Link) set(silent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = silent
}

func (l *Link) serve(listener net.Listener) {
	for {
		from, err := listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", l.to)
		if err != nil {
			from.Close()
			continue
		}
		l.mu.Lock()
		l.open = append(l.open, from, to)
		l.mu.Unlock()
		go l.carry(to, from)
		go l.carry(from, to)
	}
}

// carry carries one direction. While the link is silent no end is told, either.
func (l *Link) carry(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		l.mu.Lock()
		silent := l.silent
		l.mu.Unlock()
		switch {
		case silent && err != nil:
			return
		case silent:
			continue
		case err == nil:
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			from.Close()
			to.Close()
			return
		}
	}
}

package lockdtest

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Link is a way to a node that can be silenced, as a black hole in a network is
// silent: connections stay open, and nothing is told on them.
type Link struct {
	Address string // http://host:port, instead of the node's

	to string

	// mu guards the rest.
	mu       sync.Mutex
	deaf     bool // swallows requests
	mute     bool // swallows answers
	open     []net.Conn
	asked    time.Time // when a request last got through
	answered time.Time // when the last request was sent that was answered
}

// NewLink returns a way to the Server, which ends with the test.
func (s *Server) NewLink() *Link {
	s.t.Helper()
	return NewLink(s.t, s.Address)
}

// NewLink returns a way to whatever listens at host:port or http://host:port.
func NewLink(t testing.TB, address string) *Link {
	t.Helper()
	listener, err := net.Listen("tcp", anyPort)
	if err != nil {
		t.Fatalf("lockdtest: %v", err)
	}
	l := &Link{Address: "http://" + listener.Addr().String(), to: strings.TrimPrefix(address, "http://")}
	go l.serve(listener)
	t.Cleanup(func() {
		listener.Close()
		l.Cut()
	})
	return l
}

// Silence swallows all that is sent from now on, from either side.
func (l *Link) Silence() { l.set(true, true) }

// SilenceAnswers carries requests and swallows what is answered to them.
func (l *Link) SilenceAnswers() { l.set(false, true) }

// Restore carries again, on new connections: the old ones lack what was swallowed.
func (l *Link) Restore() {
	l.set(false, false)
	l.Cut()
}

// Answered returns when the last request was carried that an answer was carried to.
func (l *Link) Answered() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answered
}

// Cut closes all connections.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		c.Close()
	}
	l.open = nil
}

func (l *Link) set(deaf, mute bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deaf, l.mute = deaf, mute
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
		go l.carry(to, from, true)
		go l.carry(from, to, false)
	}
}

// carry carries one direction. While that is silent no end is told, either.
func (l *Link) carry(to, from net.Conn, requests bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		silent := l.silent(requests, n > 0)
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

// silent reports whether a direction swallows what comes, and notes what it carries.
func (l *Link) silent(requests, something bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case requests && l.deaf, !requests && l.mute:
		return true
	case requests && something:
		l.asked = time.Now()
	case something:
		l.answered = l.asked
	}
	return false
}

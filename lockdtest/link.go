package lockdtest

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Link is a proxy to a node that can drop all data, as a network partition does: connections stay open, but no data
// arrives.
type Link struct {
	Address string // http://host:port, instead of the node's

	to string

	// mu guards the rest.
	mu           sync.Mutex
	dropRequests bool
	dropAnswers  bool
	open         []net.Conn
	requested    time.Time // when the last request was forwarded
	answered     time.Time // when the last request was forwarded to which an answer was forwarded
}

// NewLink returns a link to the Server. It is closed at the end of the test.
func (s *Server) NewLink() *Link {
	s.t.Helper()
	return NewLink(s.t, s.Address)
}

// NewLink returns a link to the server at host:port or http://host:port. It is closed at the end of the test.
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

// Silence drops all data from now on, in both directions.
func (l *Link) Silence() { l.set(true, true) }

// SilenceAnswers forwards requests and drops their answers.
func (l *Link) SilenceAnswers() { l.set(false, true) }

// Restore forwards data again. It closes all connections, because data on them was dropped.
func (l *Link) Restore() {
	l.set(false, false)
	l.Cut()
}

// Answered returns when the last request was forwarded to which an answer was also forwarded.
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

func (l *Link) set(dropRequests, dropAnswers bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropRequests, l.dropAnswers = dropRequests, dropAnswers
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
		go l.forward(to, from, true)
		go l.forward(from, to, false)
	}
}

// forward forwards one direction of a connection. While the direction drops data, it does not forward the end of the
// connection either.
func (l *Link) forward(to, from net.Conn, requests bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		dropped := l.drops(requests, n > 0)
		switch {
		case dropped && err != nil:
			return
		case dropped:
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

// drops reports whether a direction drops data. If it does not, and there is data, it records the time.
func (l *Link) drops(requests, data bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case requests && l.dropRequests, !requests && l.dropAnswers:
		return true
	case requests && data:
		l.requested = time.Now()
	case data:
		l.answered = l.requested
	}
	return false
}

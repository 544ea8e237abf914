package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
)

// stuck is a writer that takes nothing until it is let go.
type stuck struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	release chan struct{}
}

func (s *stuck) Write(b []byte) (int, error) {
	<-s.release
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

func TestWhoLogsNeverWaits(t *testing.T) {
	s := &stuck{release: make(chan struct{})}
	q := newLogQueue(s, func(to io.Writer, dropped uint64) { fmt.Fprintf(to, "%d missing\n", dropped) })
	const extra = 10
	for i := range maxLogLines + extra {
		fmt.Fprintf(q, "line %d\n", i) // returns, or the test never ends
	}
	dropped := q.dropped.Load()
	if dropped < extra-1 || dropped > extra {
		t.Errorf("%d lines were dropped, want about %d", dropped, extra)
	}
	close(s.release)
	q.close()
	said := s.buf.String()
	if !strings.Contains(said, fmt.Sprintf("line 0\n%d missing\n", dropped)) {
		t.Errorf("it does not say that %d lines are missing: %.60q", dropped, said)
	}
	if got := strings.Count(said, "line "); got != maxLogLines+extra-int(dropped) {
		t.Errorf("%d lines were written", got)
	}
	if n, err := q.Write([]byte("too late")); n != 8 || err != nil {
		t.Errorf("a line after the end: %d %v", n, err)
	}
}

// The process ends, too, where nobody reads what it says.
func TestTheEndDoesNotWaitForAStuckLog(t *testing.T) {
	s := &stuck{release: make(chan struct{})}
	q := newLogQueue(s, func(io.Writer, uint64) {})
	fmt.Fprintln(q, "a line")
	q.close() // returns, or the test never ends
	close(s.release)
	<-q.ended
}

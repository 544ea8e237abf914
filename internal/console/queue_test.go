package console

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
)

// stuck is a writer that blocks until it is released.
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

func TestQueueNeverBlocksItsWriter(t *testing.T) {
	s := &stuck{release: make(chan struct{})}
	q := NewQueue(s, func(to io.Writer, dropped uint64) { fmt.Fprintf(to, "%d missing\n", dropped) })
	const extra = 10
	for i := range maxLines + extra {
		fmt.Fprintf(q, "line %d\n", i) // must return, or the test hangs
	}
	dropped := q.Dropped()
	if dropped < extra-1 || dropped > extra {
		t.Errorf("%d lines were dropped, want about %d", dropped, extra)
	}
	close(s.release)
	q.Close()
	output := s.buf.String()
	if !strings.Contains(output, fmt.Sprintf("line 0\n%d missing\n", dropped)) {
		t.Errorf("it does not report %d missing lines: %.60q", dropped, output)
	}
	if got := strings.Count(output, "line "); got != maxLines+extra-int(dropped) {
		t.Errorf("%d lines were written", got)
	}
	if n, err := q.Write([]byte("too late")); n != 8 || err != nil {
		t.Errorf("a line after the end: %d %v", n, err)
	}
}

// The process must end even if its log is not read.
func TestCloseDoesNotWaitForAStuckLog(t *testing.T) {
	s := &stuck{release: make(chan struct{})}
	q := NewQueue(s, func(io.Writer, uint64) {})
	fmt.Fprintln(q, "a line")
	q.Close() // must return, or the test hangs
	close(s.release)
	<-q.ended
}

package console

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// A Queue is a queue of log lines. A Write never blocks: otherwise a standard error that is not read would block Raft or
// the guard of a command. Lines that do not fit are dropped and counted.
type Queue struct {
	to            io.Writer
	reportDropped func(to io.Writer, dropped uint64) // logs how many lines are missing
	dropped       atomic.Uint64
	ended         chan struct{}

	// mu guards closed, so that nothing is sent to lines after it is closed.
	mu     sync.RWMutex
	closed bool
	lines  chan []byte
}

const (
	// maxLines is the number of lines in the queue.
	maxLines = 4_096
	// lastLines is how long the process waits for the last lines at its end.
	lastLines = time.Second
)

// NewQueue returns a queue in front of a writer. reportDropped logs to the writer how many lines are missing. Close ends
// the queue.
func NewQueue(to io.Writer, reportDropped func(to io.Writer, dropped uint64)) *Queue {
	q := &Queue{to: to, reportDropped: reportDropped, ended: make(chan struct{}), lines: make(chan []byte, maxLines)}
	go q.run()
	return q
}

// Write adds a line. It returns no error.
func (q *Queue) Write(line []byte) (int, error) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed { // the process ends: the line is late, and no reader is slow
		return len(line), nil
	}
	select {
	case q.lines <- bytes.Clone(line):
	default:
		q.dropped.Add(1)
	}
	return len(line), nil
}

func (q *Queue) run() {
	defer close(q.ended)
	reported := uint64(0)
	for line := range q.lines {
		if _, err := q.to.Write(line); err != nil { // the reader has ended
			q.dropped.Add(1)
			continue
		}
		if dropped := q.dropped.Load(); dropped > reported {
			q.reportDropped(q.to, dropped-reported)
			reported = dropped
		}
	}
}

// Dropped returns how many lines were dropped.
func (q *Queue) Dropped() uint64 { return q.dropped.Load() }

// Close writes the queued lines, for at most lastLines. Later lines are discarded.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	close(q.lines)
	q.mu.Unlock()
	select {
	case <-q.ended:
	case <-time.After(lastLines):
	}
}

package main

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// logQueue stands between lines and where they are written. Who writes never waits:
// a standard error that nobody reads would otherwise stop Raft, or what guards a
// command, with it. What finds no room is dropped and counted.
type logQueue struct {
	to      io.Writer
	tell    func(to io.Writer, dropped uint64) // says how many lines are missing
	dropped atomic.Uint64
	ended   chan struct{}

	// mu guards closed, so that nothing is sent to lines after it is closed.
	mu     sync.RWMutex
	closed bool
	lines  chan []byte
}

const (
	// maxLogLines is how many lines may wait to be written.
	maxLogLines = 4_096
	// lastLines is how long the end of the process waits for the last lines.
	lastLines = time.Second
)

func newLogQueue(to io.Writer, tell func(to io.Writer, dropped uint64)) *logQueue {
	q := &logQueue{to: to, tell: tell, ended: make(chan struct{}), lines: make(chan []byte, maxLogLines)}
	go q.run()
	return q
}

func (q *logQueue) Write(line []byte) (int, error) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if !q.closed {
		select {
		case q.lines <- bytes.Clone(line):
			return len(line), nil
		default:
		}
	}
	q.dropped.Add(1)
	return len(line), nil
}

func (q *logQueue) run() {
	defer close(q.ended)
	told := uint64(0)
	for line := range q.lines {
		if _, err := q.to.Write(line); err != nil { // its reader has ended
			q.dropped.Add(1)
			continue
		}
		if dropped := q.dropped.Load(); dropped > told {
			q.tell(q.to, dropped-told)
			told = dropped
		}
	}
}

// close writes what waits, for as long as that may take.
func (q *logQueue) close() {
	q.mu.Lock()
	q.closed = true
	close(q.lines)
	q.mu.Unlock()
	select {
	case <-q.ended:
	case <-time.After(lastLines):
	}
}

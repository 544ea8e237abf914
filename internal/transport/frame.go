package transport

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A frame is a call or its answer: a length, an id that both have, a tag (the method or
// the status) and the payload.
type frame struct {
	id      uint64
	tag     byte
	payload []byte
}

const frameHead = 4 + 8 + 1

func (f frame) appendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.payload))) //nolint:gosec // at most MaxFrame
	b = binary.BigEndian.AppendUint64(b, f.id)
	b = append(b, f.tag)
	return append(b, f.payload...)
}

// readRequest reads a frame of at most longest bytes. The connection may be idle for
// so long before it (0: forever); what has begun must end in time.
func readRequest(conn net.Conn, r *bufio.Reader, idle time.Duration, longest int) (frame, error) {
	if buffered(r) {
		return readFrame(r, longest)
	}
	var until time.Time
	if idle > 0 {
		until = time.Now().Add(idle)
	}
	if err := conn.SetReadDeadline(until); err != nil {
		return frame{}, err
	}
	if _, err := r.Peek(1); err != nil {
		return frame{}, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(frameTimeout)); err != nil {
		return frame{}, err
	}
	return readFrame(r, longest)
}

// buffered reports whether the next frame was read from the connection as a whole.
func buffered(r *bufio.Reader) bool {
	if r.Buffered() < frameHead {
		return false
	}
	head, err := r.Peek(frameHead)
	return err == nil && int64(r.Buffered()-frameHead) >= int64(binary.BigEndian.Uint32(head))
}

func readFrame(r *bufio.Reader, longest int) (frame, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if int64(size) > int64(longest) {
		return frame{}, fmt.Errorf("a frame of %d bytes is too long", size)
	}
	f := frame{id: binary.BigEndian.Uint64(head[4:]), tag: head[12]}
	var err error
	f.payload, err = readPayload(r, int(size))
	return f, err
}

// trusted is the size up to which memory is allocated before the bytes arrive.
const trusted = 1 << 20

// readPayload reads a payload. Above trusted it allocates memory as the bytes arrive.
func readPayload(r io.Reader, size int) (payload []byte, err error) {
	for have := 0; have < size && err == nil; have = len(payload) {
		next := min(size, max(2*have, trusted))
		payload = append(payload, make([]byte, next-have)...)
		_, err = io.ReadFull(r, payload[have:])
	}
	return payload, err
}

// writer sends frames in the order of the calls of send. Frames that arrive during a write
// are sent together in the next one.
type writer struct {
	conn net.Conn
	done chan struct{}

	// mu guards the rest.
	mu     sync.Mutex
	more   sync.Cond
	buf    []byte
	closed bool
}

const (
	writeTimeout = 5 * time.Second
	// maxUnsent bounds what waits for a peer that does not read.
	maxUnsent = 256 << 20
)

func newWriter(conn net.Conn) *writer {
	w := &writer{conn: conn, done: make(chan struct{})}
	w.more.L = &w.mu
	go w.run()
	return w
}

// send queues a frame. It returns false if the connection has ended or the frame is longer
// than MaxFrame: the frame is not sent.
func (w *writer) send(f frame) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(f.payload) > MaxFrame {
		return false
	}
	if len(w.buf) > maxUnsent {
		w.closed = true
		w.conn.Close()
		w.more.Signal()
		return false
	}
	w.buf = f.appendTo(w.buf)
	w.more.Signal()
	return true
}

func (w *writer) run() {
	defer close(w.done)
	var spare []byte
	for {
		w.mu.Lock()
		for len(w.buf) == 0 && !w.closed {
			w.more.Wait()
		}
		if w.closed {
			w.mu.Unlock()
			return
		}
		out := w.buf
		w.buf = spare[:0]
		w.mu.Unlock()

		err := w.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		if err == nil {
			_, err = w.conn.Write(out)
		}
		if err != nil {
			w.stop()
			return
		}
		if spare = out; cap(spare) > 1<<20 {
			spare = nil
		}
	}
}

// stop ends the writer: what was not written is lost.
func (w *writer) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.conn.Close()
	w.more.Signal()
}

// wait stops the writer and waits for its goroutine.
func (w *writer) wait() {
	w.stop()
	<-w.done
}

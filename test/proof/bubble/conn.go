package bubble

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// conn is one end of a connection. A goroutine forwards its data with the delay of the network, and blocks while the
// link is cut.
type conn struct {
	network  *network
	from, to string
	local    memAddr
	remote   memAddr
	far      *conn
	out      chan []byte // to the forwarding goroutine
	done     chan struct{}
	once     sync.Once

	// mu guards the fields below.
	mu      sync.Mutex
	in      bytes.Buffer
	ended   bool // no more data arrives
	arrived chan struct{}
	readBy  *deadline
	writeBy *deadline
}

// inFlight is the number of writes in transit before the next one blocks.
const inFlight = 64

func (n *network) pipe(from, to, address string) (near, far *conn) {
	end := func(from, to string, local, remote memAddr) *conn {
		return &conn{
			network: n, from: from, to: to, local: local, remote: remote,
			out: make(chan []byte, inFlight), done: make(chan struct{}), arrived: make(chan struct{}, 1),
			readBy: newDeadline(), writeBy: newDeadline(),
		}
	}
	near = end(from, to, memAddr(from+":0"), memAddr(address))
	far = end(to, from, memAddr(address), memAddr(from+":0"))
	near.far, far.far = far, near
	n.mu.Lock()
	n.conns[near], n.conns[far] = struct{}{}, struct{}{}
	n.mu.Unlock()
	go near.carry()
	go far.carry()
	return near, far
}

// carry forwards written data to the other end.
func (c *conn) carry() {
	defer c.far.end()
	for {
		select {
		case b := <-c.out:
			if d := c.network.delay(); d > 0 {
				time.Sleep(d)
			}
			if !c.pass() {
				return
			}
			c.far.deliver(b)
		case <-c.done:
			if len(c.out) > 0 && c.open() {
				continue // data that was written before the end still arrives
			}
			return
		}
	}
}

func (c *conn) open() bool {
	ok, _ := c.network.reaches(c.from, c.to)
	return ok
}

// pass waits until the link is open. It returns false if the connection ended first.
func (c *conn) pass() bool {
	for {
		ok, changed := c.network.reaches(c.from, c.to)
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-c.done:
			return false
		case <-c.far.done:
			return false
		}
	}
}

func (c *conn) deliver(b []byte) {
	c.mu.Lock()
	c.in.Write(b)
	c.mu.Unlock()
	c.wake()
}

// end reports the end of the data to the reader.
func (c *conn) end() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.wake()
}

func (c *conn) wake() {
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

func (c *conn) Read(b []byte) (int, error) {
	for {
		c.mu.Lock()
		if c.in.Len() > 0 {
			n, err := c.in.Read(b)
			more := c.in.Len() > 0 || c.ended
			c.mu.Unlock()
			if more {
				c.wake()
			}
			return n, err
		}
		ended := c.ended
		c.mu.Unlock()
		if ended {
			c.wake() // for the next reader
			return 0, io.EOF
		}
		select {
		case <-c.arrived:
		case <-c.done:
			return 0, net.ErrClosed
		case <-c.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (c *conn) Write(b []byte) (int, error) {
	select {
	case <-c.done:
		return 0, net.ErrClosed
	case <-c.far.done:
		return 0, io.ErrClosedPipe
	default:
	}
	select {
	case c.out <- bytes.Clone(b):
		return len(b), nil
	case <-c.done:
		return 0, net.ErrClosed
	case <-c.far.done:
		return 0, io.ErrClosedPipe
	case <-c.writeBy.passed():
		return 0, os.ErrDeadlineExceeded
	}
}

func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.done)
		c.network.mu.Lock()
		delete(c.network.conns, c)
		c.network.mu.Unlock()
		c.readBy.set(time.Time{})
		c.writeBy.set(time.Time{})
	})
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	c.readBy.set(t)
	c.writeBy.set(t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.readBy.set(t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.writeBy.set(t)
	return nil
}

// deadline is a time that can be changed while a goroutine waits for it.
type deadline struct {
	// mu guards the fields below.
	mu    sync.Mutex
	timer *time.Timer
	done  chan struct{}
}

func newDeadline() *deadline { return &deadline{done: make(chan struct{})} }

func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done
}

// set changes the deadline. The zero time means no deadline.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.done // its function is about to close it
	}
	d.timer = nil
	select {
	case <-d.done:
		d.done = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	done := d.done
	if left := time.Until(t); left > 0 {
		d.timer = time.AfterFunc(left, func() { close(done) })
	} else {
		close(done)
	}
}

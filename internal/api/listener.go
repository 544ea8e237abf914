package api

import (
	"net"
	"sync"
	"time"
)

// connections counts open connections, in all and by address, so that no client
// can take them all.
type connections struct {
	// mu guards open and byIP; never held across I/O.
	mu   sync.Mutex
	open int
	byIP map[string]int
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// admit counts a connection in, where the bounds allow it.
func (c *connections) admit(ip string, max, maxPerIP int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open >= max || c.byIP[ip] >= maxPerIP {
		return false
	}
	c.open++
	c.byIP[ip]++
	return true
}

func (c *connections) release(ip string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.byIP[ip]--; c.byIP[ip] == 0 {
		delete(c.byIP, ip)
	}
}

func (c *connections) limit(l net.Listener, max, maxPerIP int) net.Listener {
	return &limitedListener{Listener: l, conns: c, max: max, maxPerIP: maxPerIP}
}

// limitedListener answers 503 to connections over the bounds and closes them: a
// client that hears so at once can ask another node.
type limitedListener struct {
	net.Listener
	conns         *connections
	max, maxPerIP int
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		ip := host(conn.RemoteAddr().String())
		if l.conns.admit(ip, l.max, l.maxPerIP) {
			return &limitedConn{Conn: conn, release: sync.OnceFunc(func() { l.conns.release(ip) })}, nil
		}
		turnAway(conn)
	}
}

const turnedAway = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n" +
	"Cache-Control: no-store\r\nContent-Length: 0\r\n\r\n"

// turnAway writes to an empty send buffer, so that the deadline is for the worst case only.
func turnAway(conn net.Conn) {
	defer conn.Close()
	if conn.SetWriteDeadline(time.Now().Add(50*time.Millisecond)) != nil {
		return
	}
	if _, err := conn.Write([]byte(turnedAway)); err == nil {
		_ = closeWrite(conn) // it is refused anyway
	}
}

type limitedConn struct {
	net.Conn
	release func()
}

func (c *limitedConn) Close() error {
	c.release()
	return c.Conn.Close()
}

// CloseWrite lets the HTTP server end its side first, without which a client
// could lose an answer that was sent before its body was read.
func (c *limitedConn) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// host returns an address without its port.
func host(addr string) string {
	if h, _, err := net.SplitHostPort(addr); err == nil {
		return h
	}
	return addr
}

package bubble

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// network connects hosts. Addresses have the form host:port.
type network struct {
	// mu guards the fields below.
	mu        sync.Mutex
	listeners map[string]*listener
	conns     map[*conn]struct{}
	cut       map[edge]int // number of faults that cut each link
	changed   chan struct{}
	delay     func() time.Duration
}

type edge struct{ from, to string }

func newNetwork(delay func() time.Duration) *network {
	return &network{
		listeners: make(map[string]*listener), conns: make(map[*conn]struct{}),
		cut: make(map[edge]int), changed: make(chan struct{}), delay: delay,
	}
}

// reaches reports whether data passes from one host to another. If it does not, changed is closed at the next change.
func (n *network) reaches(from, to string) (ok bool, changed <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cut[edge{from, to}] == 0, n.changed
}

// cutOff cuts the link from one host to another, or removes one cut of it. A cut link drops nothing: data is
// delivered once all its cuts are removed.
func (n *network) cutOff(from, to string, by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[edge{from, to}] += by
	close(n.changed)
	n.changed = make(chan struct{})
}

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

type listener struct {
	network *network
	address memAddr
	arrived chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

type memAddr string

func (memAddr) Network() string  { return "memory" }
func (a memAddr) String() string { return string(a) }

func (n *network) listen(_, address string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[address] != nil {
		return nil, fmt.Errorf("%s is in use", address)
	}
	l := &listener{network: n, address: memAddr(address), arrived: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[address] = l
	return l, nil
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.arrived:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.network.mu.Lock()
		delete(l.network.listeners, string(l.address))
		l.network.mu.Unlock()
	})
	return nil
}

func (l *listener) Addr() net.Addr { return l.address }

// dialFrom returns the dial function of a host.
func (n *network) dialFrom(host string) func(ctx context.Context, address string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		to := hostOf(address)
		if err := n.passes(ctx, host, to); err != nil {
			return nil, err
		}
		n.mu.Lock()
		l := n.listeners[address]
		n.mu.Unlock()
		if l == nil {
			return nil, fmt.Errorf("dial %s: connection refused", address)
		}
		near, far := n.pipe(host, to, address)
		select {
		case l.arrived <- far:
			return near, nil
		case <-l.closed:
		case <-ctx.Done():
		}
		near.Close()
		far.Close()
		return nil, fmt.Errorf("dial %s: connection refused", address)
	}
}

// passes waits until a packet has passed from one host to another and back.
func (n *network) passes(ctx context.Context, from, to string) error {
	for _, way := range []edge{{from, to}, {to, from}} {
		for {
			ok, changed := n.reaches(way.from, way.to)
			if ok {
				break
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return fmt.Errorf("dial %s: %w", to, ctx.Err())
			}
		}
	}
	return nil
}

// reset closes all connections of a host at once, as the end of its process does.
func (n *network) reset(host string) {
	n.mu.Lock()
	var of []*conn
	for c := range n.conns {
		if c.from == host || c.to == host {
			of = append(of, c)
		}
	}
	n.mu.Unlock()
	for _, c := range of {
		c.Close()
	}
}

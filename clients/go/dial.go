package lockd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

const (
	dialStagger    = 250 * time.Millisecond // delay before the next IP address is tried in parallel (RFC 8305)
	maxDial        = 2 * time.Second        // per IP address
	dialDivisor    = 3                      // one IP address gets at most a third of the attempt's time
	maxDialed      = 16                     // IP addresses of one host that are tried
	maxHeaderBytes = 256 << 10
	idlePerHost    = 512 // most calls go to one node, the leader

	// sendDivisor: if less than a quarter of the attempt's time is left, nothing is sent.
	sendDivisor = 4
)

// errTooLate is the failure of an attempt that connected when no time was left to read a response.
// Nothing was sent.
var errTooLate = errors.New("connected too late to send a request; nothing was sent")

// NewHTTPClient returns the client that New uses if cfg.HTTPClient is nil. Its Transport is an
// *http.Transport. Only CAFile, CertFile, KeyFile and Logger of cfg are used.
func NewHTTPClient(cfg Config) (*http.Client, error) {
	files, err := newTLSFiles(cfg)
	if err != nil {
		return nil, err
	}
	return newHTTPClient(newDialer(), files), nil
}

// newHTTPClient returns a client that ignores the proxy of the environment and follows no
// redirects, because sessions and tokens are secrets and no node redirects.
func newHTTPClient(d dialer, files *tlsFiles) *http.Client {
	transport := &http.Transport{
		DialContext:            d.dial,
		TLSHandshakeTimeout:    maxHandshake,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ForceAttemptHTTP2:      true,
	}
	if files != nil {
		transport.DialTLSContext = files.dialTLS(d)
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: followNoRedirect,
	}
}

func followNoRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// A dialer connects to the first IP address of a host that accepts a connection.
type dialer struct {
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}

func newDialer() dialer {
	return dialer{lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}}
}

// attemptTime is the context key for the timeout of one attempt, without its wait. The transport
// does not pass the deadline of a request on to the dialer.
type attemptTime struct{}

// dial resolves the host and connects, within the time of the attempt. It starts to connect to the
// next IP address after 250 ms, or as soon as the last one has failed.
func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	timeout, ok := ctx.Value(attemptTime{}).(time.Duration)
	if !ok {
		timeout = defaultRequestTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ips, err := d.resolve(ctx, host)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	conns, failed := make(chan net.Conn), make(chan error)
	start := func(ip netip.Addr) {
		to := net.JoinHostPort(ip.String(), port)
		connectFirst(ctx, func() (net.Conn, error) { return connect(ctx, network, to, min(maxDial, timeout/dialDivisor)) }, conns, failed)
	}
	next := time.NewTimer(0)
	defer next.Stop()
	for under := 0; len(ips) > 0 || under > 0; {
		select {
		case <-next.C:
			if len(ips) > 0 {
				go start(ips[0])
				ips, under = ips[1:], under+1
				next.Reset(dialStagger)
			}
		case err = <-failed:
			under--
			next.Reset(0)
		case conn := <-conns:
			return conn, nil
		case <-ctx.Done():
			return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
		}
	}
	return nil, err
}

// connectFirst sends the connection to conns, or its error to failed. A connection that is not
// received before ctx ends is closed: another one was faster.
func connectFirst(ctx context.Context, connect func() (net.Conn, error), conns chan<- net.Conn, failed chan<- error) {
	conn, err := connect()
	if err != nil {
		select {
		case failed <- err:
		case <-ctx.Done():
		}
		return
	}
	select {
	case conns <- conn:
	case <-ctx.Done():
		conn.Close()
	}
}

// resolve returns the IP addresses of a host, alternating between IPv4 and IPv6.
func (d dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	ips, err := d.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(ips) == 0 {
		return nil, fmt.Errorf("%s has no IP address", host)
	}
	return alternate(ips), nil
}

// alternate orders addresses so that IPv4 and IPv6 alternate, starting with the family of the first
// address.
func alternate(ips []netip.Addr) []netip.Addr {
	var first, other, all []netip.Addr
	for _, ip := range ips {
		ip = ip.Unmap()
		if ip.Is4() == ips[0].Unmap().Is4() {
			first = append(first, ip)
		} else {
			other = append(other, ip)
		}
	}
	for i := range max(len(first), len(other)) {
		if i < len(first) {
			all = append(all, first[i])
		}
		if i < len(other) {
			all = append(all, other[i])
		}
	}
	return all[:min(len(all), maxDialed)]
}

// connect dials one IP address. SetLinger(0) makes the kernel discard unsent data when an attempt
// is given up, so no copy of the request arrives later.
func connect(ctx context.Context, network, address string, timeout time.Duration) (net.Conn, error) {
	d := net.Dialer{Timeout: timeout, KeepAlive: 15 * time.Second}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it a late copy is possible, as with any client
	}
	return conn, nil
}

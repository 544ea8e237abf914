package lockd

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

const (
	defaultTTL            = 15 * time.Second // what the cluster gives where none is asked for
	defaultRequestTimeout = 5 * time.Second
	defaultRetryFor       = 5 * time.Second
	defaultUnreachable    = 15 * time.Second
	minWaitPiece          = time.Second

	// timeoutsPerTTL is how many silent attempts a TTL must have room for, so
	// that one node that says nothing does not cost the lease.
	timeoutsPerTTL = 3

	minTTL = time.Second
	maxTTL = 24 * time.Hour
)

// Config says how a Client reaches a cluster. The zero value works.
type Config struct {
	// Addresses are the HTTP addresses of nodes, or of a proxy in front of them, in the
	// form that ParseAddress describes. They are tried in this order, beginning with the
	// one that answered last; any node serves any request. nil: DefaultAddress. An empty
	// list is refused.
	Addresses []string

	// Holder is the public label of who holds or waits. Default: host name/pid.
	Holder string

	// Session is the secret of this client's life, 16 to 128 characters of
	// A-Z a-z 0-9 . _ -. Default: 32 random ones.
	Session string

	// HTTPClient sends the requests. It must have no Timeout, which would cut
	// waits and watches. Default: a client of its own that follows no redirect, uses no
	// proxy of the environment and bounds the connect to each IP address.
	HTTPClient *http.Client

	// Headers are sent with each request. New refuses line breaks in them, and those
	// that the Client sets itself, such as Host and Content-Type.
	Headers http.Header

	// Logger receives one warning after the first round over all addresses in which no
	// node answered, and the next one only after a node has answered again. Default:
	// slog.Default().
	Logger *slog.Logger

	// RequestTimeout bounds one attempt at one node, in addition to the wait that it
	// asks for: resolving, connecting, sending, and reading the whole answer. A TTL must
	// have room for three. Default: 5 s, or a quarter of a shorter TTL.
	RequestTimeout time.Duration

	// UnreachableTimeout is how long a call goes on while no node answers at all, however
	// long it would wait for a lease. Elections and renewals in the background go on.
	// Default: 15 s; below zero: no limit.
	UnreachableTimeout time.Duration

	// WaitPiece is the longest that one request waits for a lease, from 1 s to 60 s. Set
	// it below the time after which a load balancer cuts a silent request. Default: 60 s.
	WaitPiece time.Duration

	// RetryFor is how long a call goes round the addresses while nodes answer
	// that they cannot serve it now, or, where a repeat is harmless, do not
	// answer. Where nothing listens at any address a call fails at once.
	// Default: 5 s; below zero: one round.
	RetryFor time.Duration
}

// A Client speaks to one cluster in the name of one session. It is safe for
// concurrent use.
type Client struct {
	addrs    []endpoint
	holder   string
	session  string
	http     *http.Client
	headers  http.Header
	timeout  time.Duration // 0 where Config gave none
	retryFor time.Duration
	noAnswer time.Duration // how long a call goes on while no node answers
	piece    time.Duration // the longest wait of one request
	reach    *reach
	clock    clock
	last     atomic.Uint32 // index of the address that answered last
	turns    turns
	renewals renewals
}

// New returns a Client. It sends nothing.
func New(cfg Config) (*Client, error) {
	if cfg.RequestTimeout < 0 {
		return nil, errors.New("lockd: RequestTimeout must not be negative")
	}
	piece := cmp.Or(cfg.WaitPiece, maxWait)
	if piece < minWaitPiece || piece > maxWait {
		return nil, fmt.Errorf("lockd: WaitPiece %v must be from %v to %v", piece, minWaitPiece, maxWait)
	}
	addrs, err := endpoints(cfg.Addresses)
	if err != nil {
		return nil, err
	}
	headers, err := checkHeaders(cfg.Headers, addrs)
	if err != nil {
		return nil, err
	}
	c := &Client{
		addrs:    addrs,
		holder:   cfg.Holder,
		session:  cfg.Session,
		http:     cfg.HTTPClient,
		headers:  headers,
		timeout:  cfg.RequestTimeout,
		retryFor: cmp.Or(cfg.RetryFor, defaultRetryFor),
		noAnswer: cmp.Or(cfg.UnreachableTimeout, defaultUnreachable),
		piece:    piece,
		reach:    newReach(cmp.Or(cfg.Logger, slog.Default()), addrs),
		clock:    systemClock,
	}
	if c.holder == "" {
		c.holder = defaultHolder()
	}
	if c.session == "" {
		c.session = NewSession()
	}
	if c.http == nil {
		c.http = newHTTPClient(newDialer())
	}
	if c.noAnswer < 0 {
		c.noAnswer = Forever
	}
	return c, nil
}

// Session returns the session in whose name the Client speaks. It is a secret.
func (c *Client) Session() string { return c.session }

// Holder returns the label under which the Client holds and waits.
func (c *Client) Holder() string { return c.holder }

// NewSession returns a random session of 32 characters.
func NewSession() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// attemptTimeout bounds one attempt of a call about a lease of the given TTL.
func (c *Client) attemptTimeout(ttl time.Duration) time.Duration {
	if c.timeout > 0 {
		return c.timeout
	}
	if ttl == 0 {
		ttl = defaultTTL
	}
	return min(defaultRequestTimeout, ttl/(timeoutsPerTTL+1))
}

// checkTTL refuses a TTL that no node grants, and one that a silent node would
// cost. 0 leaves the choice to the cluster.
func (c *Client) checkTTL(ttl time.Duration) error {
	if ttl == 0 {
		ttl = defaultTTL
	}
	if ttl < minTTL || ttl > maxTTL {
		return fmt.Errorf("lockd: TTL %v must be from %v to %v", ttl, minTTL, maxTTL)
	}
	if ttl < timeoutsPerTTL*c.timeout {
		return fmt.Errorf("lockd: TTL %v is too short for RequestTimeout %v: it must have room for %d", ttl, c.timeout, timeoutsPerTTL)
	}
	return nil
}

func defaultHolder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

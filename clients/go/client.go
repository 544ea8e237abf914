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
	"time"
)

// A Client sends the requests of one session to one cluster. It is safe for concurrent use.
type Client struct {
	addrs              []endpoint
	holder             string
	session            string
	http               *http.Client
	headers            http.Header
	tokens             *tokens
	timeout            time.Duration // 0: Config has none
	retryFor           time.Duration
	unreachableTimeout time.Duration // how long a call continues while no node responds
	waitPiece          time.Duration // the longest wait of one request
	reachability       *reachability
	clock              clock
	route              *route
	locks              localLocks
	renewer            renewer
	metrics            LeaderMetrics
}

// New returns a Client. It sends no request.
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
	log := cmp.Or(cfg.Logger, slog.Default())
	tokens, err := newTokens(cfg, addrs, log)
	if err != nil {
		return nil, err
	}
	headers, err := checkHeaders(cfg.Headers, tokens.exist())
	if err != nil {
		return nil, err
	}
	httpClient, err := httpClientOf(cfg)
	if err != nil {
		return nil, err
	}
	if err := checkTLSFiles(cfg, addrs); err != nil {
		return nil, err
	}
	c := &Client{
		addrs:              addrs,
		holder:             cfg.Holder,
		session:            cfg.Session,
		http:               httpClient,
		headers:            headers,
		tokens:             tokens,
		timeout:            cfg.RequestTimeout,
		retryFor:           cmp.Or(cfg.RetryFor, defaultRetryFor),
		unreachableTimeout: cmp.Or(cfg.UnreachableTimeout, defaultUnreachable),
		waitPiece:          piece,
		reachability:       newReachability(log, addrs),
		clock:              systemClock,
		route:              newRoute(len(addrs)),
		metrics:            cfg.LeaderMetrics,
	}
	if c.metrics == nil {
		c.metrics = noLeaderMetrics{}
	}
	if c.holder == "" {
		c.holder = defaultHolder()
	}
	if c.session == "" {
		c.session = NewSession()
	}
	if c.unreachableTimeout < 0 {
		c.unreachableTimeout = Forever
	}
	return c, nil
}

// httpClientOf returns the client that sends the requests of a Config.
func httpClientOf(cfg Config) (*http.Client, error) {
	if cfg.HTTPClient == nil {
		return NewHTTPClient(cfg)
	}
	if cfg.CAFile != "" || cfg.CertFile != "" || cfg.KeyFile != "" {
		return nil, errors.New("lockd: CAFile, CertFile and KeyFile are for the default HTTPClient: configure TLS in your own one")
	}
	own := *cfg.HTTPClient
	own.CheckRedirect = followNoRedirect
	return &own, nil
}

// Format prints the Client without its session and its token.
func (c *Client) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "lockd.Client(%s, holder %q)", c.reachability.addrs, c.holder)
}

// Session returns the session of the Client. It is a secret.
func (c *Client) Session() string { return c.session }

// Holder returns the label that the Client uses as a holder and as a waiter.
func (c *Client) Holder() string { return c.holder }

// NewSession returns a random session of 32 characters.
func NewSession() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// attemptTimeout returns the timeout of one attempt of a call about a lease with this TTL.
func (c *Client) attemptTimeout(ttl time.Duration) time.Duration {
	if c.timeout > 0 {
		return c.timeout
	}
	if ttl == 0 {
		ttl = defaultTTL
	}
	return min(defaultRequestTimeout, ttl/(timeoutsPerTTL+1))
}

// checkTTL refuses a TTL that no node grants, and a TTL that is too short to survive an
// unresponsive node. 0 means the default of the cluster.
func (c *Client) checkTTL(ttl time.Duration) error {
	if ttl == 0 {
		ttl = defaultTTL
	}
	if ttl < minTTL || ttl > maxTTL {
		return fmt.Errorf("lockd: TTL %v must be from %v to %v", ttl, minTTL, maxTTL)
	}
	if ttl < timeoutsPerTTL*c.timeout {
		return fmt.Errorf("lockd: TTL %v is too short for RequestTimeout %v: it must be at least %d times as long", ttl, c.timeout, timeoutsPerTTL)
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

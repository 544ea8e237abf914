package lockd

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

const (
	defaultTTL            = 15 * time.Second // the default of the cluster
	defaultRequestTimeout = 5 * time.Second
	defaultRetryFor       = 5 * time.Second
	defaultUnreachable    = 15 * time.Second
	minWaitPiece          = time.Second

	// timeoutsPerTTL is how many attempts without a response must fit into a TTL, so that one
	// unresponsive node does not cost the lease.
	timeoutsPerTTL = 3

	minTTL = time.Second
	maxTTL = 24 * time.Hour
)

// Config configures a Client. The zero value is valid.
type Config struct {
	// Addresses are the HTTP addresses of nodes, or of a proxy in front of them, in the form that
	// ParseAddress describes. Every node serves every request. The Client starts with the address of
	// the leader, if it knows it, and otherwise with the one that last responded; it tries the others
	// in this order. It sends requests to no other address. nil: DefaultAddress. An empty list is an error.
	Addresses []string

	// Holder is the public label of the holder or waiter. Default: host name/pid.
	Holder string

	// Session is a secret that identifies one run of one process, 16 to 128 characters of A-Z a-z
	// 0-9 . _ -. Default: 32 random characters.
	Session string

	// Token is sent with each request as "Authorization: Bearer": a token of lockd, or a JWT. It is
	// sent only over https and to loopback, unless Insecure is set. Default: none.
	Token string `json:"-"`

	// TokenFile is a file with the token, instead of Token. White space at its end is removed. It is
	// read again after a 401 or a 429 and every minute. If it cannot be read then, the last token
	// stays in use, and Logger receives a warning.
	TokenFile string

	// Insecure lets the Client send the token in plain text to other machines.
	Insecure bool

	// CAFile has the certificates, in PEM form, of the authorities that sign nodes: the ca.crt of the
	// cluster. Default: the authorities of the system. It is read again when it changes, as are
	// CertFile and KeyFile. New refuses these files if no address begins with https://.
	CAFile string

	// CertFile and KeyFile are the certificate of this client and its key, in PEM form. Default: none.
	CertFile, KeyFile string

	// HTTPClient sends the requests. It must have no Timeout, because that would end waits and
	// watches. Redirects are never followed. Default: a client that ignores the proxy of the
	// environment and limits the connect to each IP address. It excludes CAFile, CertFile and KeyFile.
	HTTPClient *http.Client

	// Headers are sent with each request. New refuses line breaks in them, and headers that the
	// Client sets itself, such as Host and Content-Type.
	Headers http.Header

	// Logger receives one warning after the first pass over all addresses in which no node
	// answered. The next warning follows only after a node has answered again. It also receives
	// warnings about TokenFile and the TLS files, and about renewals that are refused for their
	// credentials. Default: slog.Default().
	Logger *slog.Logger

	// LeaderMetrics receives who leads, for metrics. Default: none.
	LeaderMetrics LeaderMetrics

	// RequestTimeout limits one attempt at one node, in addition to the wait of the request:
	// resolve, connect, send, and read the whole response. A TTL must be at least three times as
	// long. Default: 5 s, or a quarter of a shorter TTL.
	RequestTimeout time.Duration

	// UnreachableTimeout is how long a call continues while no node answers, also if its wait for a
	// lease is longer. It does not end elections or background renewals. Default: 15 s; below zero:
	// no limit.
	UnreachableTimeout time.Duration

	// WaitPiece is the longest wait of one request for a lease, from 1 s to 60 s. Set it below the
	// time after which a load balancer closes an idle connection. Default: 60 s.
	WaitPiece time.Duration

	// RetryFor is how long a call tries the addresses while nodes report that they are unavailable,
	// or do not answer and a repeat is harmless. If nothing listens at any address, a call fails at
	// once. Default: 5 s; below zero: one pass over the addresses.
	RetryFor time.Duration
}

// Format prints the Config without Token, Session, and the values of Headers.
func (cfg Config) Format(f fmt.State, verb rune) {
	type shown Config // without this method
	if cfg.Token != "" {
		cfg.Token = hidden
	}
	if cfg.Session != "" {
		cfg.Session = hidden
	}
	headers := make(http.Header)
	for name := range cfg.Headers {
		headers[name] = []string{hidden}
	}
	cfg.Headers = headers
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), shown(cfg))
}

// hidden is printed instead of a secret.
const hidden = "***"

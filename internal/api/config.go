package api

import (
	"cmp"
	"crypto/rand"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockd/lockd/internal/audit"
	"github.com/lockd/lockd/internal/auth"
	"github.com/lockd/lockd/internal/loglevel"
	"github.com/lockd/lockd/internal/tracing"
)

// Config configures a Server. Leases, Events and Cluster are required. For all other fields, zero means the default.
type Config struct {
	Leases  Leases
	Events  Events
	Cluster Cluster
	Objects Objects // nil: the Kubernetes API is not served
	Version string  // of lockd

	Metrics    http.Handler          // GET /metrics; nil: the route answers 404
	Registerer prometheus.Registerer // for the server's metrics; nil: they are not exported
	Logger     *slog.Logger          // nil: nothing is logged

	TLS *tls.Config // of the listener; nil: plain HTTP
	// ClientName returns the principal in a client's certificate, or "" if the client showed none. nil: there are none.
	ClientName func(*tls.ConnectionState) (string, error)

	// AllowedHosts are names that a request may have as Host, in addition to IP addresses, localhost and the names that
	// members advertise. Each is a pattern that hosts.ValidPattern accepts.
	AllowedHosts []string

	Timeouts
	Limits
	Security
	Logging
}

// Logging is what is logged and traced of requests.
type Logging struct {
	AccessLog string          // one of the modes of package accesslog; empty: writes
	LogLevel  *loglevel.Level // of Logger; nil: changes have no effect
	Tracer    *tracing.Tracer // starts the spans of requests; nil: there are none
}

// Timeouts are maximum times, and the interval of marks.
type Timeouts struct {
	RequestTimeout time.Duration // maximum time to answer a request, not counting its wait_ms; default 3 s
	DrainTimeout   time.Duration // maximum time for open requests at the end of Run; default 10 s
	HeaderTimeout  time.Duration // maximum time to read a request's header; default 5 s
	BodyTimeout    time.Duration // maximum time to read a request's body; default 5 s
	WriteTimeout   time.Duration // maximum time of a write; slower clients are disconnected; default 10 s
	IdleTimeout    time.Duration // maximum time between two requests of a connection; default 2 min
	MarkInterval   time.Duration // time between two marks of an idle stream; default 10 s
}

// Limits are bounds for each node.
type Limits struct {
	MaxHeaderBytes int // default 16 KiB
	MaxConns       int // open connections; default 16,384
	MaxConnsPerIP  int // open connections of one address; default 8,192
	MaxWaitsPerIP  int // acquires of one address that wait or whose place is kept; default 256
	MaxAcquireRate int // acquires a second of one principal; 0: no limit
}

// Security is how callers are authenticated and what is written about them.
type Security struct {
	Access     Access        // nil: no request needs a credential
	JWT        auth.Verifier // nil: no JSON Web Token is accepted
	Audit      Audit         // nil: it is in memory only
	AuditReads bool          // it has reads, too
	Random     io.Reader     // where tokens come from; default crypto/rand
}

func (c Config) withDefaults() Config {
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 3*time.Second)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 10*time.Second)
	c.HeaderTimeout = cmp.Or(c.HeaderTimeout, 5*time.Second)
	c.BodyTimeout = cmp.Or(c.BodyTimeout, 5*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 10*time.Second)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 2*time.Minute)
	c.MarkInterval = cmp.Or(c.MarkInterval, 10*time.Second)
	c.MaxHeaderBytes = cmp.Or(c.MaxHeaderBytes, 16<<10)
	c.MaxConns = cmp.Or(c.MaxConns, 16_384)
	c.MaxConnsPerIP = cmp.Or(c.MaxConnsPerIP, 8_192)
	c.MaxWaitsPerIP = cmp.Or(c.MaxWaitsPerIP, 256)
	if c.Access == nil {
		c.Access = noAccess{}
	}
	if c.Audit == nil {
		c.Audit = audit.InMemory(func() string { return c.Cluster.Here().Node })
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.LogLevel == nil {
		c.LogLevel = loglevel.New(slog.LevelInfo)
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	return c
}

// Bounds of a request that the state machine does not check.
const (
	// MaxBodyBytes bounds a request's body.
	MaxBodyBytes = 64 << 10
	// MaxRefs bounds the holds in one request for a session, so that they fit in a body.
	MaxRefs = 256
	// DefaultListed is the size of a page if the request has no limit.
	DefaultListed = 100
	// DefaultPollWait is how long a long-poll waits, in milliseconds, if the request has no wait_ms.
	DefaultPollWait = 30_000
)

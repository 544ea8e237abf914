package api

import (
	"cmp"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config says what a Server serves and within which bounds. Leases, Events and
// Cluster must be given; for the rest the zero value means the default.
type Config struct {
	Leases  Leases
	Events  Events
	Cluster Cluster

	Metrics    http.Handler          // GET /metrics; none: the route answers 404
	Registerer prometheus.Registerer // of the server's own metrics; none: they are not shown
	Logger     *slog.Logger          // none: nothing is logged

	RequestTimeout time.Duration // an answer's time, beside what a client asks to wait; 3 s
	DrainTimeout   time.Duration // what open requests get at the end of Run; 10 s
	HeaderTimeout  time.Duration // the arrival of a request's header; 5 s
	BodyTimeout    time.Duration // the arrival of a request's body; 5 s
	WriteTimeout   time.Duration // one write to a client: a slower reader is cut; 10 s
	IdleTimeout    time.Duration // between two requests of a connection; 2 min
	MarkInterval   time.Duration // between two marks of an idle stream; 10 s

	// AllowedHosts are names that requests may give as Host, in addition to IP addresses, localhost and the names
	// that members advertise: each as hosts.ValidPattern describes.
	AllowedHosts []string

	MaxHeaderBytes int // 16 KiB
	MaxConns       int // open connections; 16,384
	MaxConnsPerIP  int // open connections of one address; 8,192
	MaxWaitsPerIP  int // acquires of one address that wait or whose place is kept; 256
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
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	return c
}

// The bounds of a request that the machine does not know.
const (
	// MaxBodyBytes bounds a request's body.
	MaxBodyBytes = 64 << 10
	// MaxBodyDepth bounds how deep its objects and arrays nest.
	MaxBodyDepth = 8
	// MaxQueryParams bounds the parameters of a URL.
	MaxQueryParams = 16
	// MaxRefs bounds the holds that one session call may name, so that they fit a body.
	MaxRefs = 256
	// DefaultListed is the size of a page where none is asked for.
	DefaultListed = 100
	// DefaultPollWait is how long a long-poll waits, in milliseconds, where it does not say.
	DefaultPollWait = 30_000
)

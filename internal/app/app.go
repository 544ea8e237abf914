// Package app combines the parts of a lockd server: the node, its deadlines, its watchers and the HTTP server. It can
// be embedded: tests run three servers in one process.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api"
	"github.com/lockd/lockd/internal/audit"
	"github.com/lockd/lockd/internal/auth/jwt"
	"github.com/lockd/lockd/internal/cluster"
	"github.com/lockd/lockd/internal/discovery"
	"github.com/lockd/lockd/internal/hosts"
	"github.com/lockd/lockd/internal/loglevel"
	"github.com/lockd/lockd/internal/pki"
	"github.com/lockd/lockd/internal/tracing/otlp"
	"github.com/lockd/lockd/internal/watch"
)

// Config configures a lockd server. With the zero value, the server is a cluster of one node on the default ports.
type Config struct {
	NodeID  string // empty: the id in the data directory, or the host's name if there is none
	DataDir string
	Version string // the version of lockd that is shown; empty: DefaultVersion

	HTTPAddr      string // listens for clients
	PeerAddr      string // listens for other nodes
	HTTPAdvertise string // the address that clients use; empty: that of the listener
	PeerAdvertise string // the address that other nodes use; empty: that of the listener

	BootstrapExpect int
	Join            []string           // addresses of other nodes, in one of discovery.Forms
	Resolver        discovery.Resolver // looks up the names in Join; nil: the host's resolver

	HeartbeatTimeout time.Duration
	Snapshots

	Security

	AllowedHosts []string // names that a request may have as Host, in addition to those of members and in Join

	// MaxStateBytes is the maximum size of the leases that this node can hold, in bytes; 0: no limit.
	MaxStateBytes int

	Limits
	RequestTimeout time.Duration
	DrainTimeout   time.Duration

	Registry *prometheus.Registry
	Logging

	// Listen, Dial and Disk replace the network and wrap the disk, for tests. If they are nil, the node uses TCP, and a
	// Unix socket for administrators, and writes to the disk directly.
	Listen func(network, address string) (net.Listener, error)
	Dial   func(ctx context.Context, address string) (net.Conn, error)
	Disk   func(write func() error) error // called with each write to the log
}

// Snapshots are when the log is replaced by a snapshot, and how much of it remains.
type Snapshots = cluster.Snapshots

// Logging is the log, and the traces.
type Logging struct {
	Log       *slog.Logger
	LogLevel  *loglevel.Level // of Log; nil: changes of it have no effect
	AccessLog string          // which requests are logged: off, errors, writes or all; empty: writes

	OTLPEndpoint string  // the URL of an OpenTelemetry collector; empty: there are no traces
	TraceRatio   float64 // the part of the traces that begin on this node which is sampled
}

// Limits bound what clients can use on this node.
type Limits struct {
	MaxWatchers   int
	MaxConns      int
	MaxConnsPerIP int
	MaxWaitsPerIP int

	MaxAcquireRate int // acquires a second of one principal; 0: no limit
}

// Defaults of a Config.
const (
	DefaultHTTPAddr      = "127.0.0.1:7400"
	DefaultPeerAddr      = "127.0.0.1:7401"
	DefaultVersion       = "dev"
	DefaultDataDir       = "./lockd-data"
	DefaultMaxConns      = 16_384
	DefaultMaxConnsPerIP = 8_192
	DefaultMaxWaitsPerIP = 256
	DefaultMaxWatchers   = 10_000
	DefaultDrainTimeout  = 4 * time.Second
)

// App is a lockd server.
type App struct {
	cfg  Config
	node *cluster.Node
	hub  *watch.Hub
	api  *api.Server
	http net.Listener
	tls  *pki.Store // nil: no TLS

	admin net.Listener // the admin socket; nil: there is none
	audit *audit.Log
	first *access.Token // nil: there is no bootstrap token
	jwt   *jwt.Verifier // nil: no JSON Web Token is accepted

	traces *otlp.Exporter // nil: there are none

	serials serials // of the certificates of nodes
}

// New listens on the ports and opens the data directory. The server serves requests when Run is called.
func New(cfg Config) (a *App, err error) {
	cfg.setDefaults()
	if err := cfg.CheckListeners(); err != nil {
		return nil, err
	}
	cfg.fitDescriptors()
	a = &App{cfg: cfg, hub: watch.New(cfg.MaxWatchers, cfg.MaxStateBytes)}
	if err := a.openSecurity(); err != nil {
		return nil, err
	}
	if a.http, err = cfg.listen(cfg.HTTPAddr, "--http-addr"); err != nil {
		return nil, err
	}
	peers, err := cfg.listen(cfg.PeerAddr, "--peer-addr")
	if err != nil {
		return nil, errors.Join(err, a.http.Close())
	}
	a.node, err = cluster.New(cluster.Config{
		Name: cfg.NodeID, Dir: cfg.DataDir,
		Port: cluster.Port{
			Listener: peers,
			Peer:     advertised(cfg.PeerAdvertise, peers),
			HTTP:     cfg.webAddress(advertised(cfg.HTTPAdvertise, a.http)),
			Security: a.peerSecurity(),
			Dial:     cfg.Dial,
		},
		BootstrapExpect: cfg.BootstrapExpect, Join: cfg.Join, Resolver: cfg.Resolver,
		Heartbeat:  cfg.HeartbeatTimeout,
		Snapshots:  cfg.Snapshots,
		Describe:   a.describe,
		MaxState:   uint64(cfg.MaxStateBytes),
		Disk:       cfg.Disk,
		Watchers:   a.hub,
		Registerer: cfg.Registry,
		Log:        cfg.Log,
	})
	if err != nil {
		return nil, errors.Join(err, peers.Close(), a.http.Close())
	}
	a.serials.node.Store(a.node)
	if cfg.OTLPEndpoint != "" {
		a.traces = otlp.New(otlp.Config{
			Endpoint: cfg.OTLPEndpoint, Ratio: cfg.TraceRatio, Node: a.node.NodeName, Version: cfg.Version,
			Registerer: cfg.Registry, Logger: cfg.Log,
		})
	}
	a.admin = cfg.listenAdmin()
	a.api = api.New(a.apiConfig())
	a.exportSecurity()
	exportClock(a.cfg.Registry)
	return a, nil
}

// openSecurity opens the certificates, the audit log and the bootstrap token.
func (a *App) openSecurity() (err error) {
	if a.tls, err = a.cfg.openTLS(); err != nil {
		return err
	}
	if a.first, err = a.cfg.readBootstrapToken(); err != nil {
		return err
	}
	if a.jwt, err = a.cfg.openJWT(); err != nil {
		return err
	}
	a.audit, err = a.cfg.openAudit(func() string { return a.node.NodeName() })
	return err
}

func (a *App) apiConfig() api.Config {
	cfg := &a.cfg
	c := api.Config{
		Leases: a.node, Events: events{a.hub, a.node}, Cluster: a.members(), Objects: objects{a.hub, a.node}, Version: cfg.Version,
		Metrics:      metricsHandler(cfg.Registry),
		Registerer:   cfg.Registry,
		Logger:       cfg.Log,
		Timeouts:     api.Timeouts{RequestTimeout: cfg.RequestTimeout, DrainTimeout: cfg.DrainTimeout},
		Limits:       api.Limits{MaxConns: cfg.MaxConns, MaxConnsPerIP: cfg.MaxConnsPerIP, MaxWaitsPerIP: cfg.MaxWaitsPerIP, MaxAcquireRate: cfg.MaxAcquireRate},
		AllowedHosts: slices.Concat(cfg.AllowedHosts, joinNames(cfg.Join)),
	}
	c.Access, c.Audit, c.AuditReads = a.node.Access(), a.audit, cfg.AuditReads
	c.AccessLog, c.LogLevel = cfg.AccessLog, cfg.LogLevel
	if a.traces != nil {
		c.Tracer = a.traces.Tracer()
	}
	if a.jwt != nil {
		c.JWT = a.jwt
	}
	if a.tls != nil {
		c.TLS, c.ClientName = a.tls.HTTPServer(), a.tls.Principal
	}
	return c
}

func (c *Config) setDefaults() {
	if c.DataDir == "" {
		c.DataDir = DefaultDataDir
	}
	if c.Version == "" {
		c.Version = DefaultVersion
	}
	if c.HTTPAddr == "" {
		c.HTTPAddr = DefaultHTTPAddr
	}
	if c.PeerAddr == "" {
		c.PeerAddr = DefaultPeerAddr
	}
	if c.MaxConns == 0 {
		c.MaxConns = DefaultMaxConns
	}
	if c.MaxConnsPerIP == 0 {
		c.MaxConnsPerIP = DefaultMaxConnsPerIP
	}
	if c.MaxWatchers == 0 {
		c.MaxWatchers = DefaultMaxWatchers
	}
	if c.DrainTimeout == 0 {
		c.DrainTimeout = DefaultDrainTimeout
	}
	if c.Listen == nil {
		c.Listen = listen
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

func (c *Config) listen(address, flag string) (net.Listener, error) {
	l, err := c.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", flag, address, err)
	}
	return l, nil
}

// advertised returns the address that others use for a listener: the configured one, or the listener's own. If the
// listener listens on all addresses, the host is the name of this host.
func advertised(configured string, l net.Listener) string {
	if configured != "" {
		return configured
	}
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return l.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	return net.JoinHostPort(host, port)
}

// joinNames returns the host names in the addresses to join. They are names of nodes of this cluster, often including
// this one, so clients may use them as Host.
func joinNames(join []string) []string {
	var names []string
	for _, address := range join {
		for _, scheme := range []string{"dns:", "srv:"} {
			address = strings.TrimPrefix(address, scheme)
		}
		names = append(names, hosts.Name(address))
	}
	return names
}

func metricsHandler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{Registry: r})
}

// HTTPAddr returns the address of the listener for clients.
func (a *App) HTTPAddr() string { return a.http.Addr().String() }

// URL returns the address of the listener for clients, with its scheme.
func (a *App) URL() string { return a.cfg.scheme() + a.HTTPAddr() }

// Hints returns a command to try, and the address of the console, for a reader of the log on this machine.
func (a *App) Hints() (try, console string) {
	url := a.URL()
	if ip := net.ParseIP(hosts.Name(a.HTTPAddr())); ip != nil && ip.IsUnspecified() {
		url = a.cfg.scheme() + a.node.Status().Self.HTTP
	}
	try = "curl " + url + "/v1/leases"
	if a.cfg.TLSDir != "" {
		try = "curl --cacert " + filepath.Join(a.cfg.TLSDir, pki.CAFile) + " " + url + "/v1/leases"
	}
	return try, url + "/ui"
}

// Node returns the node of the server.
func (a *App) Node() *cluster.Node { return a.node }

// runAccess serves the admin socket, and adds the bootstrap token, until ctx ends.
func (a *App) runAccess(ctx context.Context, running *sync.WaitGroup) {
	running.Go(func() { a.warnIfOpen(ctx) })
	if a.first != nil {
		running.Go(func() { a.addBootstrapToken(ctx, a.first) })
	}
	if a.admin != nil {
		running.Go(func() {
			if err := a.api.RunSocket(ctx, a.admin); err != nil {
				a.cfg.Log.Error("the admin socket is closed", "err", err)
			}
		})
	}
}

// Run serves until ctx ends. Then it stops the parts in order of their dependencies: it drains clients, transfers
// leadership, and closes Raft and the stores. It returns nil after a clean stop.
func (a *App) Run(ctx context.Context) error {
	nodeCtx, stopNode := context.WithCancel(context.WithoutCancel(ctx))
	var reloading sync.WaitGroup
	defer reloading.Wait()
	defer stopNode()
	apiCtx, stopAPI := context.WithCancel(ctx)
	defer stopAPI()
	a.logSecurity()
	if a.tls != nil {
		reloading.Go(func() { a.tls.Run(nodeCtx) })
	}
	if a.traces != nil {
		reloading.Go(func() { a.traces.Run(nodeCtx) }) // it ends after the API, and sends the last spans
	}

	var others sync.WaitGroup
	defer others.Wait()
	a.runAccess(apiCtx, &others)

	node := make(chan error, 1)
	go func() {
		node <- a.node.Run(nodeCtx)
		stopAPI() // the API cannot serve without a node
	}()
	apiErr := a.api.Run(apiCtx, a.http)
	if apiErr != nil {
		a.cfg.Log.Warn("the HTTP server did not stop cleanly", "err", apiErr)
	}
	stopAPI()
	stopNode()
	err := <-node
	if err == nil && ctx.Err() == nil {
		return apiErr
	}
	return err // the cause, not the errors of the requests that it ended
}

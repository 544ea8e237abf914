// Package app plugs lockd's parts together: the node, its book of deadlines,
// its watchers and the HTTP server. It can be embedded: a test boots three of
// them in one process.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lockd/lockd/internal/api"
	"github.com/lockd/lockd/internal/cluster"
	"github.com/lockd/lockd/internal/hosts"
	"github.com/lockd/lockd/internal/watch"
)

// Config says what a lockd server is. Its zero value, with a Dir, is a cluster
// of one node on lockd's own ports.
type Config struct {
	NodeID  string // empty: as the data directory says, else the host's name
	DataDir string
	Version string // of lockd, as it is shown; empty: DefaultVersion

	HTTPAddr      string // where clients are served
	PeerAddr      string // where other nodes are
	HTTPAdvertise string // how others reach HTTPAddr; empty: as it is
	PeerAdvertise string // how others reach PeerAddr; empty: as it is

	BootstrapExpect int
	Join            []string         // where others are: cluster.JoinForms
	Resolver        cluster.Resolver // looks up the names among them; nil: as the host does

	HeartbeatTimeout  time.Duration
	SnapshotThreshold uint64
	SnapshotInterval  time.Duration
	TrailingLogs      uint64

	AllowedHosts []string // names that requests may give as Host, besides the members' and those of Join

	// MaxStateBytes is how many bytes of leases this node can hold; 0: no limit of its own.
	MaxStateBytes int

	MaxWatchers    int
	MaxConns       int
	MaxConnsPerIP  int
	MaxWaitsPerIP  int
	RequestTimeout time.Duration
	DrainTimeout   time.Duration

	Registry *prometheus.Registry
	Log      *slog.Logger

	// What the node stands on, for those who embed it where there is no network or
	// no disk to rely on; nil: TCP, and nothing in front of the disk.
	Listen func(address string) (net.Listener, error)
	Dial   func(ctx context.Context, address string) (net.Conn, error)
	Disk   func(write func() error) error // around each write to the log
}

// The defaults of a Config.
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

// App is one lockd server.
type App struct {
	cfg  Config
	node *cluster.Node
	hub  *watch.Hub
	api  *api.Server
	http net.Listener
}

// New takes the ports and opens the data directory. What it returns serves when
// Run is called.
func New(cfg Config) (a *App, err error) {
	cfg.setDefaults()
	cfg.fitDescriptors()
	a = &App{cfg: cfg, hub: watch.New(cfg.MaxWatchers, cfg.MaxStateBytes)}
	if a.http, err = cfg.listen(cfg.HTTPAddr, "--http-addr"); err != nil {
		return nil, err
	}
	peers, err := cfg.listen(cfg.PeerAddr, "--peer-addr")
	if err != nil {
		return nil, errors.Join(err, a.http.Close())
	}
	a.node, err = cluster.New(cluster.Config{
		Name: cfg.NodeID, Dir: cfg.DataDir,
		Listener:        peers,
		Peer:            advertised(cfg.PeerAdvertise, peers),
		HTTP:            advertised(cfg.HTTPAdvertise, a.http),
		BootstrapExpect: cfg.BootstrapExpect, Join: cfg.Join, Resolver: cfg.Resolver,
		Heartbeat:         cfg.HeartbeatTimeout,
		SnapshotThreshold: cfg.SnapshotThreshold, SnapshotInterval: cfg.SnapshotInterval,
		TrailingLogs: cfg.TrailingLogs,
		MaxState:     uint64(cfg.MaxStateBytes),
		Dial:         cfg.Dial, Disk: cfg.Disk,
		Watchers:   a.hub,
		Registerer: cfg.Registry,
		Log:        cfg.Log,
	})
	if err != nil {
		return nil, errors.Join(err, peers.Close(), a.http.Close())
	}
	a.api = api.New(api.Config{
		Leases: a.node, Events: events{a.hub, a.node}, Cluster: members{a.node, cfg.Version},
		Metrics:        metricsHandler(cfg.Registry),
		Registerer:     cfg.Registry,
		Logger:         cfg.Log,
		RequestTimeout: cfg.RequestTimeout,
		DrainTimeout:   cfg.DrainTimeout,
		MaxConns:       cfg.MaxConns,
		MaxConnsPerIP:  cfg.MaxConnsPerIP,
		MaxWaitsPerIP:  cfg.MaxWaitsPerIP,
		AllowedHosts:   slices.Concat(cfg.AllowedHosts, joinNames(cfg.Join)),
	})
	return a, nil
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
		c.Listen = func(address string) (net.Listener, error) { return net.Listen("tcp", address) }
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

func (c *Config) listen(address, flag string) (net.Listener, error) {
	l, err := c.Listen(address)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", flag, address, err)
	}
	return l, nil
}

// advertised returns how others reach a listener: as was said, else its own
// address, with the host's name where it listens on all.
func advertised(said string, l net.Listener) string {
	if said != "" {
		return said
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

// joinNames returns the host names among the addresses to join. They name this cluster's nodes, this one often among
// them, so that clients may use them, too.
func joinNames(join []string) []string {
	var names []string
	for _, address := range join {
		for _, scheme := range []string{"http://", "https://", "dns:", "srv:"} {
			address = strings.TrimPrefix(address, scheme)
		}
		address, _, _ = strings.Cut(address, "/")
		names = append(names, hosts.Name(address))
	}
	return names
}

func metricsHandler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{Registry: r})
}

// HTTPAddr returns the address at which clients are served.
func (a *App) HTTPAddr() string { return a.http.Addr().String() }

// Node returns the node, for those who embed a server.
func (a *App) Node() *cluster.Node { return a.node }

// Run serves until ctx ends. Then it stops in the reverse order of what stands
// on what: clients are drained, leadership is handed over, Raft and the stores
// are closed. It returns nil after a clean end.
func (a *App) Run(ctx context.Context) error {
	nodeCtx, stopNode := context.WithCancel(context.WithoutCancel(ctx))
	defer stopNode()
	apiCtx, stopAPI := context.WithCancel(ctx)
	defer stopAPI()

	node := make(chan error, 1)
	go func() {
		node <- a.node.Run(nodeCtx)
		stopAPI() // without a node there is nothing to serve
	}()
	apiErr := a.api.Run(apiCtx, a.http)
	if apiErr != nil {
		a.cfg.Log.Warn("the HTTP server did not end cleanly", "err", apiErr)
	}
	stopNode()
	err := <-node
	if err == nil && ctx.Err() == nil {
		return apiErr
	}
	return err // why the node stopped, and not what that made of open requests
}

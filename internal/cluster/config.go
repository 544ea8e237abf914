package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockd/lockd/internal/discovery"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
	"github.com/lockd/lockd/internal/raftlog"
	"github.com/lockd/lockd/internal/transport"
)

// Config are the settings of a node.
type Config struct {
	Name string // empty: the name in the data directory, or the host's name
	Dir  string // the data directory; it is created if it is missing

	Port

	BootstrapExpect int                // form a cluster of so many nodes; see bootstrapsAlone for none and one
	Join            []string           // addresses of other nodes, in one of discovery.Forms
	Resolver        discovery.Resolver // resolves their names; nil: the host's resolver

	// Heartbeat is the election timeout: how long a follower waits for a heartbeat before it
	// starts an election. The other timeouts of Raft are derived from it.
	Heartbeat time.Duration

	Snapshots

	// MaxState is how many bytes of state this node can hold; 0: it states no limit.
	MaxState uint64

	// Disk is called for each write of Raft; nil: the write is called directly. A test makes
	// it hang or fail.
	Disk func(write func() error) error

	Watchers Watchers

	// Describe completes this node's report with what only its owner knows; nil: nothing.
	Describe func(*Report)

	Registerer prometheus.Registerer
	Log        *slog.Logger

	// stampPause is leader.StampPause if it is 0.
	stampPause time.Duration
	// intercept is called for each call of Raft to another node; nil: the call is made directly.
	intercept func(to string, call func() error) error
}

// Snapshots are where the log is kept, when it is replaced by a snapshot, and how much of it
// remains.
type Snapshots struct {
	LogStore          string // one of storage.LogStores; "": the first of them
	SnapshotInterval  time.Duration
	SnapshotThreshold uint64
	TrailingLogs      uint64
}

// Port are the settings of the peer port.
type Port struct {
	Listener net.Listener
	Peer     string    // its advertised address
	HTTP     string    // advertised address for clients, with https:// if it uses TLS
	Security *Security // nil: no TLS

	// Dial opens connections to other nodes; nil: TCP.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Security is the TLS of the peer port.
type Security = transport.Security

// Modes of Security.
const (
	PeerTLSOff     = transport.Off
	PeerTLSAllow   = transport.Allow
	PeerTLSRequire = transport.Require
)

// PeerTLS is a mode of Security.
type PeerTLS = transport.Mode

// DefaultHeartbeat is the default election timeout: after the end of a leader the next one
// serves within about a second.
const DefaultHeartbeat = 500 * time.Millisecond

const (
	// maxLogCache and minLogCache bound how many of the newest entries followers are
	// sent from memory. An entry may have packedBytes, so this bounds memory, too.
	maxLogCache = 256
	minLogCache = 32
	// packedBytes is about how long an entry may be.
	packedBytes = 256 << 10
)

// logCache returns how many entries are cached: they may take half as many bytes as
// the state.
func (c *Config) logCache() int {
	if c.MaxState == 0 {
		return maxLogCache
	}
	return int(min(max(c.MaxState/2/packedBytes, minLogCache), maxLogCache))
}

func (c *Config) setDefaults() error {
	if c.Heartbeat == 0 {
		c.Heartbeat = DefaultHeartbeat
	}
	if c.SnapshotInterval == 0 {
		c.SnapshotInterval = 30 * time.Second
	}
	if c.SnapshotThreshold == 0 {
		c.SnapshotThreshold = 8_192
	}
	if c.TrailingLogs == 0 {
		c.TrailingLogs = 10_240
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	if c.Dial == nil {
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			d := net.Dialer{KeepAlive: 5 * time.Second}
			return d.DialContext(ctx, "tcp", address)
		}
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	if c.stampPause == 0 {
		c.stampPause = leader.StampPause
	}
	return c.validate()
}

func (c *Config) validate() error {
	var errs []error
	if c.Heartbeat < 50*time.Millisecond || c.Heartbeat > 10*time.Second {
		errs = append(errs, fmt.Errorf("a heartbeat timeout of %v: must be from 50ms to 10s", c.Heartbeat))
	}
	if c.Name != "" && !fsm.ValidNodeName(c.Name) {
		errs = append(errs, fmt.Errorf("the node id %q must be %s", c.Name, fsm.NodeNameRule))
	}
	for _, j := range c.Join {
		if !discovery.Valid(j) {
			errs = append(errs, fmt.Errorf("join %q must be %s", j, discovery.Forms))
		}
	}
	if c.BootstrapExpect < 0 || c.BootstrapExpect > 9 {
		errs = append(errs, fmt.Errorf("bootstrap-expect %d: must be from 1 to 9", c.BootstrapExpect))
	}
	if c.BootstrapExpect > 1 && len(c.Join) == 0 {
		errs = append(errs, fmt.Errorf("bootstrap-expect %d needs --join with the addresses of the others", c.BootstrapExpect))
	}
	return errors.Join(errs...)
}

// bootstrapsAlone reports whether a node without data bootstraps a cluster of one. It does if it
// has no addresses to join, or if it expects one node and all addresses to join are its own.
// With its own address but without that number it does not: the others may join by this
// address, and the node may have lost its data.
func (c *Config) bootstrapsAlone() bool {
	others := slices.ContainsFunc(c.Join, func(j string) bool { return j != c.Peer })
	return len(c.Join) == 0 && c.BootstrapExpect <= 1 || c.BootstrapExpect == 1 && !others
}

func (c *Config) raft(id string) *raft.Config {
	r := raft.DefaultConfig()
	r.LocalID = raft.ServerID(id)
	r.HeartbeatTimeout = c.Heartbeat
	r.ElectionTimeout = c.Heartbeat
	r.LeaderLeaseTimeout = c.Heartbeat / 2
	r.SnapshotInterval = c.SnapshotInterval
	r.SnapshotThreshold = c.SnapshotThreshold
	r.TrailingLogs = c.TrailingLogs
	r.ShutdownOnRemove = false
	r.NoLegacyTelemetry = true
	r.Logger = raftlog.New(c.Log)
	return r
}

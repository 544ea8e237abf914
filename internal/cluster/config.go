package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockd/lockd/internal/discovery"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
	"github.com/lockd/lockd/internal/raftlog"
)

// Config says what a node is and what it works with.
type Config struct {
	Name string // empty: as the data directory says, else the host's name
	Dir  string // the data directory; it is created if it is missing

	Listener net.Listener // the peer port
	Peer     string       // advertised address of the peer port
	HTTP     string       // advertised address for clients

	BootstrapExpect int                // form a cluster of so many nodes; see foundsAlone for none and one
	Join            []string           // where others are: discovery.Forms
	Resolver        discovery.Resolver // looks up the names among them; nil: as the host does

	// Heartbeat is how long a follower waits for its leader before it asks for
	// an election; the other times of Raft follow from it.
	Heartbeat         time.Duration
	SnapshotInterval  time.Duration
	SnapshotThreshold uint64
	TrailingLogs      uint64

	// MaxState is how many bytes of state this node can hold; 0: it states no limit.
	MaxState uint64

	// Dial opens connections to other nodes; nil: TCP.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Disk stands between Raft and each of its writes; nil: nothing does. A test
	// makes it hang, or fail instead.
	Disk func(write func() error) error

	Watchers Watchers

	Registerer prometheus.Registerer
	Log        *slog.Logger

	// stampPause is shorter in a test that waits for it.
	stampPause time.Duration
	// intercept lets a test stand between Raft and another node.
	intercept func(to string, call func() error) error
}

// DefaultHeartbeat makes a killed leader's successor serve after about a second.
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

// foundsAlone reports whether a node without data is a cluster of its own: it has
// nobody to join, or it was told to expect one node and all addresses to join are its
// own, as in a list of all nodes that has shrunk to one. Its own address without that
// number says nothing: it may be the one that all others join by, and the node has
// lost its data.
func (c *Config) foundsAlone() bool {
	others := slices.ContainsFunc(c.Join, func(j string) bool {
		return strings.TrimSuffix(strings.TrimPrefix(j, "http://"), "/") != c.HTTP
	})
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

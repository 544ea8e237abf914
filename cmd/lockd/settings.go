package main

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/internal/cluster"
	"github.com/lockd/lockd/internal/discovery"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/hosts"
)

// A setting of the server is a flag, a variable and a key of the file. All that
// is told of it anywhere stands here.
type setting struct {
	name    string
	value   settingValue
	means   string
	absent  string // what holds where it has no value
	change  string // when to change it
	example string // where the default is no value
}

type settingValue interface {
	pflag.Value
	limits() string // what it must be
	plain() any     // as JSON shows it
}

// serverFlags are what `lockd server` is told.
type serverFlags struct {
	app.Config
	logLevel  string
	logFormat string
	file      string
	settings  []setting
}

// newServerFlags returns the settings at their defaults, in the order in which
// people read of them.
func newServerFlags() *serverFlags {
	f := &serverFlags{logLevel: "info", logFormat: "auto", Config: app.Config{
		DataDir: app.DefaultDataDir, HTTPAddr: app.DefaultHTTPAddr, PeerAddr: app.DefaultPeerAddr,
		HeartbeatTimeout: cluster.DefaultHeartbeat,
		RequestTimeout:   3 * time.Second, DrainTimeout: app.DefaultDrainTimeout,
		MaxConns: app.DefaultMaxConns, MaxConnsPerIP: app.DefaultMaxConnsPerIP, MaxWaitsPerIP: app.DefaultMaxWaitsPerIP, MaxWatchers: app.DefaultMaxWatchers,
		SnapshotThreshold: 8_192, SnapshotInterval: 30 * time.Second, TrailingLogs: 10_240,
	}}
	f.settings = append(f.whoAndWhere(), f.howMuch()...)
	return f
}

func (f *serverFlags) whoAndWhere() []setting {
	return []setting{
		{name: "node-id", value: optional(textOf(&f.NodeID, "name", fsm.NodeNameRule, fsm.ValidNodeName)),
			means: "this node's name, unique in the cluster; fixed once data exist", absent: "the host's name", example: "lock-1",
			change: "Set it where the host's name is not unique, or changes."},
		{name: "data-dir", value: textOf(&f.DataDir, "path", "a path", func(s string) bool { return s != "" }),
			means:  "where the log and the snapshots are kept",
			change: "Always, in earnest: a directory of its own on a local disk that fsyncs fast."},
		{name: "http-addr", value: addressOf(&f.HTTPAddr), means: "where clients are served",
			change: "Clients or nodes on other machines need an address that they can reach, such as 0.0.0.0:7400."},
		{name: "peer-addr", value: addressOf(&f.PeerAddr), means: "where other nodes are served; keep it off public networks",
			change: "As with http-addr, for nodes on other machines. Whoever reaches it can speak for a node."},
		{name: "http-advertise", value: optional(addressOf(&f.HTTPAdvertise)), means: "how others reach http-addr",
			absent: "as it is, with the host's name where it listens on all", example: "10.0.0.1:7400",
			change: "Set it behind NAT, or where the host's name does not lead here. A name is looked up at each connection."},
		{name: "peer-advertise", value: optional(addressOf(&f.PeerAdvertise)), means: "how others reach peer-addr",
			absent: "as it is, with the host's name where it listens on all", example: "10.0.0.1:7401", change: "As with http-advertise."},
		{name: "allowed-hosts", value: &list{to: &f.AllowedHosts, kind: "names", bounds: hosts.Forms, ok: hosts.ValidPattern},
			means: "DNS names by which clients reach this node, in addition to those that members advertise and those in join", absent: "none",
			example: "[lockd.example.org, \"*.lockd.svc.cluster.local\"]",
			change: "Set it on each node if clients or a proxy use another name. A request with an unknown name as Host is answered with 421, " +
				"so that no web page can reach the node by a DNS name of its own. IP addresses and localhost are always allowed."},
		{name: "bootstrap-expect", value: numberOf(&f.BootstrapExpect, 0, 9),
			means: "form a new cluster of so many nodes when all of them are there; needs join", absent: "none", example: "3",
			change: "Set it to the same number on each node of a new cluster: 3 or 5, or 1 where join has the node's own address alone. A node that has data does not use it any more."},
		{name: "join", value: &list{to: &f.Join, kind: "addresses", bounds: discovery.Forms, ok: discovery.Valid},
			means: "the HTTP addresses of other nodes: HOST:PORT, dns:NAME[:PORT] or srv:NAME", absent: "none",
			example: "[10.0.0.1:7400, 10.0.0.2:7400, 10.0.0.3:7400]",
			change: "Set it on each node of a new cluster, and on one that joins a cluster. " +
				"dns:NAME stands for every address of the name, with port 7400 unless it says another, and " +
				"srv:NAME for the hosts and ports of its SRV records. " +
				"Names are looked up each time the node looks for others, and one may lead to the node itself."},
	}
}

func (f *serverFlags) howMuch() []setting {
	return []setting{
		{name: "heartbeat-timeout", value: durationOf(&f.HeartbeatTimeout, 50*time.Millisecond, 10*time.Second),
			means:  "how long a silent leader is borne with before the next election; the other times of Raft follow",
			change: "More across regions, or on machines that stall. A failover takes about two to three times as long. The same on all nodes."},
		{name: "request-timeout", value: durationOf(&f.RequestTimeout, 100*time.Millisecond, time.Minute),
			means:  "how long a request may take, beside what it asks to wait",
			change: "More with a longer heartbeat-timeout, so that requests outlast a failover."},
		{name: "drain-timeout", value: durationOf(&f.DrainTimeout, time.Millisecond, 5*time.Second),
			means: "how long open requests get at the end", change: "Less where a supervisor kills after less than 10 seconds."},
		{name: "max-conns", value: numberOf(&f.MaxConns, 1, 0), means: "client connections open at once on this node",
			change: "More if as many clients come, with a limit of open files to match: a node keeps a quarter of that limit, 48 to 1,024 files, " +
				"for its log, its snapshots and the other nodes, serves fewer clients if the rest is smaller, and logs that at its start."},
		{name: "max-conns-per-ip", value: numberOf(&f.MaxConnsPerIP, 1, 0), means: "client connections open at once from one address",
			change: "More behind one proxy; less where a single client must not take all."},
		{name: "max-waits-per-ip", value: numberOf(&f.MaxWaitsPerIP, 1, 0),
			means: "acquires from one address that wait on this node, or keep a place in a queue after a wait",
			change: "More behind one proxy or NAT, or if one machine runs many waiters. A queue has 1,000 places, so that with the default one address " +
				"cannot fill it through three nodes."},
		{name: "max-watchers", value: numberOf(&f.MaxWatchers, 1, 0), means: "watches open at once on this node",
			change: "More where as many clients watch; each costs memory."},
		{name: "max-state-bytes", value: numberOf(&f.MaxStateBytes, 0, 0),
			means: "bytes of leases, queues and history that this node can hold", absent: "a quarter of the memory", example: "268435456",
			change: "Set it if the node shares its memory. The smallest value in the cluster counts for all nodes."},
		{name: "snapshot-threshold", value: numberOf(&f.SnapshotThreshold, 1, 0), means: "log entries between two snapshots",
			change: "More writes fewer snapshots, and makes a start slower and the log's file larger."},
		{name: "snapshot-interval", value: durationOf(&f.SnapshotInterval, 5*time.Millisecond, time.Hour),
			means: "how often the log is looked at for a snapshot", change: "Hardly ever."},
		{name: "trailing-logs", value: numberOf(&f.TrailingLogs, 1, 0),
			means:  "log entries kept behind a snapshot, for followers that lag",
			change: "More where nodes are often away for a while: within it they need no snapshot. The log's file grows."},
		{name: "log-level", value: oneOf(&f.logLevel, "debug", "info", "warn", "error"), means: "what is logged at least",
			change: "debug adds a line for each request."},
		{name: "log-format", value: oneOf(&f.logFormat, "auto", "text", "json"), means: "how it is logged; auto is text on a terminal, else json",
			change: "Where what collects the logs wants the other form."},
	}
}

// addTo adds the settings, and the file that may hold them, to a command's flags.
func (f *serverFlags) addTo(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVar(&f.file, "config", "", "a YAML file of these settings; flags and variables win over it")
	bindable(flags, "config")
	for _, s := range f.settings {
		usage := s.means
		if s.absent != "" {
			usage += " (default " + s.absent + ")"
		}
		flags.Var(s.value, s.name, usage)
		bindable(flags, s.name)
	}
}

// load takes in the file, under the flags and variables that are set already,
// and says what is wrong with all of them together, and what would be right.
func (f *serverFlags) load(flags *pflag.FlagSet) error {
	if f.file != "" {
		if err := loadFile(f.file, flags); err != nil {
			return usageError{err}
		}
	}
	if f.MaxStateBytes > 0 && f.MaxStateBytes < fsm.MinStateBytes {
		return usageError{fmt.Errorf("--max-state-bytes %d: must be at least %d", f.MaxStateBytes, fsm.MinStateBytes)}
	}
	if f.BootstrapExpect > 1 && len(f.Join) == 0 {
		return usageError{fmt.Errorf("--bootstrap-expect %d: also needs --join with the HTTP addresses of the others", f.BootstrapExpect)}
	}
	return nil
}

package main

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/internal/cluster"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/hosts"
)

// A setting of the server is a flag, a variable and a key of the file. This definition is the
// source of its help and its documentation.
type setting struct {
	name     string
	value    settingValue
	usage    string
	fallback string // text for the default, if the value is empty
	change   string // when to change it
	example  string // example for a setting without a default value
}

type settingValue interface {
	pflag.Value
	limits() string // its allowed values
	plain() any     // the value in JSON
}

// serverFlags are the settings of `lockd server`.
type serverFlags struct {
	app.Config
	logLevel  string
	logFormat string
	file      string
	settings  []setting
}

// newServerFlags returns the settings with their defaults, in the order of the documentation.
func newServerFlags() *serverFlags {
	f := &serverFlags{logLevel: "info", logFormat: "auto", Config: app.Config{
		DataDir: app.DefaultDataDir, HTTPAddr: app.DefaultHTTPAddr, PeerAddr: app.DefaultPeerAddr,
		HeartbeatTimeout: cluster.DefaultHeartbeat,
		RequestTimeout:   3 * time.Second, DrainTimeout: app.DefaultDrainTimeout,
		MaxConns: app.DefaultMaxConns, MaxConnsPerIP: app.DefaultMaxConnsPerIP, MaxWaitsPerIP: app.DefaultMaxWaitsPerIP, MaxWatchers: app.DefaultMaxWatchers,
		SnapshotThreshold: 8_192, SnapshotInterval: 30 * time.Second, TrailingLogs: 10_240,
	}}
	f.settings = append(f.addressSettings(), f.limitSettings()...)
	return f
}

func (f *serverFlags) addressSettings() []setting {
	return []setting{
		{name: "node-id", value: optional(textOf(&f.NodeID, "name", fsm.NodeNameRule, fsm.ValidNodeName)),
			usage: "this node's name, unique in the cluster; it cannot change once data exist", fallback: "the host name", example: "lock-1",
			change: "Set it if the host name is not unique, or changes."},
		{name: "data-dir", value: textOf(&f.DataDir, "path", "a path", func(s string) bool { return s != "" }),
			usage:  "directory of the log and the snapshots",
			change: "Always in production: use a separate directory on a local disk with a fast fsync."},
		{name: "http-addr", value: addressOf(&f.HTTPAddr), usage: "address for clients",
			change: "Set it if clients or nodes run on other machines, for example to 0.0.0.0:7400."},
		{name: "peer-addr", value: addressOf(&f.PeerAddr), usage: "address for other nodes; keep it off public networks",
			change: "As with http-addr, for nodes on other machines. Any program that can connect to it can act as a node."},
		{name: "http-advertise", value: optional(addressOf(&f.HTTPAdvertise)), usage: "address at which clients and nodes reach http-addr",
			fallback: "the same address, with the host name if it listens on all addresses", example: "10.0.0.1:7400",
			change: "Set it behind NAT, or if the host name does not resolve to this machine. A name is looked up at each connection."},
		{name: "peer-advertise", value: optional(addressOf(&f.PeerAdvertise)), usage: "address at which other nodes reach peer-addr",
			fallback: "the same address, with the host name if it listens on all addresses", example: "10.0.0.1:7401", change: "As with http-advertise."},
		{name: "allowed-hosts", value: &list{to: &f.AllowedHosts, kind: "names", bounds: hosts.Forms, ok: hosts.ValidPattern},
			usage: "DNS names by which clients reach this node, in addition to those that members advertise and those in join", fallback: "none",
			example: "[lockd.example.org, \"*.lockd.svc.cluster.local\"]",
			change: "Set it on each node if clients or a proxy use another name. A request with an unknown name as Host is answered with 421, " +
				"so that no web page can reach the node through its own DNS name. IP addresses and localhost are always allowed."},
		{name: "bootstrap-expect", value: numberOf(&f.BootstrapExpect, 0, 9),
			usage: "number of nodes that form a new cluster when all of them are reachable; needs join", fallback: "none", example: "3",
			change: "Set it to the same number on each node of a new cluster: 3 or 5, or 1 if join has only the address of the node itself. A node that has data ignores it."},
		{name: "join", value: &list{to: &f.Join, kind: "addresses", bounds: cluster.JoinForms, ok: cluster.ValidJoin},
			usage: "the HTTP addresses of other nodes: HOST:PORT, dns:NAME[:PORT] or srv:NAME", fallback: "none",
			example: "[10.0.0.1:7400, 10.0.0.2:7400, 10.0.0.3:7400]",
			change: "Set it on each node of a new cluster, and on a node that joins a cluster. " +
				"dns:NAME means every address of the name, with the default port 7400, and " +
				"srv:NAME means the hosts and ports of its SRV records. " +
				"Names are looked up each time the node searches for other nodes. A name may resolve to the node itself."},
	}
}

func (f *serverFlags) limitSettings() []setting {
	return []setting{
		{name: "heartbeat-timeout", value: durationOf(&f.HeartbeatTimeout, 50*time.Millisecond, 10*time.Second),
			usage:  "election timeout: how long a follower waits for a heartbeat before it starts an election; the other Raft timeouts are derived from it",
			change: "Increase it across regions, or on machines that stall. A failover takes about two to three times as long. Use the same value on all nodes."},
		{name: "request-timeout", value: durationOf(&f.RequestTimeout, 100*time.Millisecond, time.Minute),
			usage:  "timeout of a request, in addition to the wait that it requests",
			change: "Increase it with a longer heartbeat-timeout, so that requests survive a failover."},
		{name: "drain-timeout", value: durationOf(&f.DrainTimeout, time.Millisecond, 5*time.Second),
			usage: "time limit for open requests at the end of the server", change: "Decrease it if a supervisor kills the server after less than 10 seconds."},
		{name: "max-conns", value: numberOf(&f.MaxConns, 1, 0), usage: "largest number of open client connections on this node",
			change: "Increase it for more clients, together with the limit of open files: a node keeps a quarter of that limit, 48 to 1,024 files, " +
				"for its log, its snapshots and the other nodes, serves fewer clients if the rest is smaller, and logs that at its start."},
		{name: "max-conns-per-ip", value: numberOf(&f.MaxConnsPerIP, 1, 0), usage: "largest number of open client connections from one address",
			change: "Increase it behind one proxy. Decrease it if a single client must not use all connections."},
		{name: "max-waits-per-ip", value: numberOf(&f.MaxWaitsPerIP, 1, 0),
			usage: "largest number of acquires from one address that wait on this node, or keep a place in a queue after a wait",
			change: "Increase it behind one proxy or NAT, or if one machine runs many waiters. A queue has 1,000 places, so that with the default one address " +
				"cannot fill it through three nodes."},
		{name: "max-watchers", value: numberOf(&f.MaxWatchers, 1, 0), usage: "largest number of open watches on this node",
			change: "Increase it for more watching clients; each watch costs memory."},
		{name: "max-state-bytes", value: numberOf(&f.MaxStateBytes, 0, 0),
			usage: "bytes of leases, queues and history that this node can hold", fallback: "a quarter of the memory", example: "268435456",
			change: "Set it if the node shares its memory. The smallest value in the cluster counts for all nodes."},
		{name: "snapshot-threshold", value: numberOf(&f.SnapshotThreshold, 1, 0), usage: "number of log entries between two snapshots",
			change: "A larger value writes fewer snapshots, but makes the start slower and the log file larger."},
		{name: "snapshot-interval", value: durationOf(&f.SnapshotInterval, 5*time.Millisecond, time.Hour),
			usage: "how often the node checks whether a snapshot is due", change: "Rarely needed."},
		{name: "trailing-logs", value: numberOf(&f.TrailingLogs, 1, 0),
			usage:  "number of log entries kept after a snapshot, for followers that lag",
			change: "Increase it if nodes are often offline for a while: a node that lags by fewer entries needs no snapshot. The log file grows."},
		{name: "log-level", value: oneOf(&f.logLevel, "debug", "info", "warn", "error"), usage: "lowest level that is logged",
			change: "debug adds a line for each request."},
		{name: "log-format", value: oneOf(&f.logFormat, "auto", "text", "json"), usage: "format of the log; auto is text on a terminal, else json",
			change: "Set it if the log collector needs the other format."},
	}
}

// addTo adds the settings, and the flag of the configuration file, to a command's flags.
func (f *serverFlags) addTo(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVar(&f.file, "config", "", "YAML file with these settings; flags and variables override it")
	bindable(flags, "config")
	for _, s := range f.settings {
		usage := s.usage
		if s.fallback != "" {
			usage += " (default " + s.fallback + ")"
		}
		flags.Var(s.value, s.name, usage)
		bindable(flags, s.name)
	}
}

// load reads the configuration file, which does not override flags and variables, and then checks
// the combination of all settings.
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
		return usageError{fmt.Errorf("--bootstrap-expect %d: also needs --join with the HTTP addresses of the other nodes", f.BootstrapExpect)}
	}
	return nil
}

package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/internal/cluster"
	"github.com/lockd/lockd/internal/discovery"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/hosts"
	"github.com/lockd/lockd/internal/loglevel"
	"github.com/lockd/lockd/internal/tracing/otlp"
)

// A Setting of the server is a flag, a variable and a key of the file. This definition is the
// source of its help and its documentation.
type Setting struct {
	Name     string
	Value    SettingValue
	Usage    string
	Fallback string // text for the default, if the value is empty
	Change   string // when to change it
	Example  string // example for a setting without a default value
}

// A SettingValue is the value of a setting: a flag that shows its bounds.
type SettingValue interface {
	pflag.Value
	Limits() string // its allowed values
	Plain() any     // the value in JSON
}

// Server are the settings of `lockd server`.
type Server struct {
	app.Config
	Level     string // of the log at the start
	LogFormat string
	file      string
	Settings  []Setting
}

// NewServer returns the settings with their defaults, in the order of the documentation.
func NewServer() *Server {
	f := &Server{Level: "info", LogFormat: "auto", Config: app.Config{
		DataDir: app.DefaultDataDir, HTTPAddr: app.DefaultHTTPAddr, PeerAddr: app.DefaultPeerAddr,
		HeartbeatTimeout: cluster.DefaultHeartbeat,
		RequestTimeout:   3 * time.Second, DrainTimeout: app.DefaultDrainTimeout,
		Logging: app.Logging{AccessLog: "writes", TraceRatio: 0.01},
		Limits: app.Limits{
			MaxConns: app.DefaultMaxConns, MaxConnsPerIP: app.DefaultMaxConnsPerIP, MaxWaitsPerIP: app.DefaultMaxWaitsPerIP,
			MaxWatchers: app.DefaultMaxWatchers,
		},
		Snapshots: cluster.Snapshots{LogStore: "segments", SnapshotThreshold: 8_192, SnapshotInterval: 30 * time.Second, TrailingLogs: 10_240},
	}}
	f.Settings = slices.Concat(f.addressSettings(), f.securitySettings(), f.limitSettings())
	return f
}

func (f *Server) addressSettings() []Setting {
	return []Setting{
		{Name: "node-id", Value: Optional(Text(&f.NodeID, "name", fsm.NodeNameRule, fsm.ValidNodeName)),
			Usage: "this node's name, unique in the cluster; it cannot change once data exist", Fallback: "the host name", Example: "lock-1",
			Change: "Set it if the host name is not unique, or changes."},
		{Name: "data-dir", Value: Text(&f.DataDir, "path", "a path", func(s string) bool { return s != "" }),
			Usage:  "directory of the log and the snapshots",
			Change: "Always in production: use a separate directory on a local disk with a fast fsync."},
		{Name: "http-addr", Value: Address(&f.HTTPAddr), Usage: "address for clients",
			Change: "Set it if clients run on other machines, for example to 0.0.0.0:7400. Then tls-dir is required, or insecure."},
		{Name: "peer-addr", Value: Address(&f.PeerAddr), Usage: "address for other nodes",
			Change: "As with http-addr, for nodes on other machines. Without TLS, any program that can connect to it can act as a node."},
		{Name: "http-advertise", Value: Optional(Address(&f.HTTPAdvertise)), Usage: "address at which clients and nodes reach http-addr",
			Fallback: "the same address, with the host name if it listens on all addresses", Example: "10.0.0.1:7400",
			Change: "Set it behind NAT, or if the host name does not resolve to this machine. A name is looked up at each connection."},
		{Name: "peer-advertise", Value: Optional(Address(&f.PeerAdvertise)), Usage: "address at which other nodes reach peer-addr",
			Fallback: "the same address, with the host name if it listens on all addresses", Example: "10.0.0.1:7401", Change: "As with http-advertise."},
		{Name: "allowed-hosts", Value: Texts(&f.AllowedHosts, "names", hosts.Forms, hosts.ValidPattern),
			Usage: "DNS names by which clients reach this node, in addition to those that members advertise and those in join", Fallback: "none",
			Example: "[lockd.example.org, \"*.lockd.svc.cluster.local\"]",
			Change: "Set it on each node if clients or a proxy use another name. A request with an unknown name as Host is answered with 421, " +
				"so that no web page can reach the node through its own DNS name. IP addresses and localhost are always allowed."},
		{Name: "bootstrap-expect", Value: Number(&f.BootstrapExpect, 0, 9),
			Usage: "number of nodes that form a new cluster when all of them are reachable; needs join", Fallback: "none", Example: "3",
			Change: "Set it to the same number on each node of a new cluster: 3 or 5, or 1 if join has only the address of the node itself. A node that has data ignores it."},
		{Name: "join", Value: Texts(&f.Join, "addresses", discovery.Forms, discovery.Valid),
			Usage: "the peer addresses of other nodes: HOST[:PORT], dns:NAME[:PORT] or srv:NAME", Fallback: "none",
			Example: "[10.0.0.1:7401, 10.0.0.2:7401, 10.0.0.3:7401]",
			Change: "Set it on each node of a new cluster, and on a node that joins a cluster. " +
				"dns:NAME means every address of the name, with the default port 7401, and " +
				"srv:NAME means the hosts and ports of its SRV records. " +
				"Names are looked up each time the node searches for other nodes. A name may resolve to the node itself."},
	}
}

func (f *Server) securitySettings() []Setting {
	return []Setting{
		{Name: "tls-dir", Value: Optional(Text(&f.TLSDir, "path", "a path", func(s string) bool { return s != "" })),
			Usage: "directory with ca.crt, client-ca.crt, node.crt and node.key, which lockd tls node makes", Fallback: "no TLS", Example: "/etc/lockd/tls",
			Change: "Always, unless the node listens on loopback only. Both ports then require TLS 1.3. Changed files are loaded within 10 s, or at SIGHUP."},
		{Name: "peer-tls", Value: Optional(OneOf(&f.PeerTLS, string(cluster.PeerTLSOff), string(cluster.PeerTLSAllow), string(cluster.PeerTLSRequire))),
			Usage: "TLS between nodes: off, allow (accept both, prefer TLS) or require", Fallback: "require with tls-dir, else off", Example: "allow",
			Change: "Set it to switch a running cluster to TLS: allow on each node, and then require on each node."},
		{Name: "insecure", Value: Switch(&f.Insecure),
			Usage: "let http-addr and peer-addr accept connections from other machines without TLS", Fallback: "off", Example: "true",
			Change: "Only on a network that you trust. Everyone who can connect can read and change every lease and act as a node."},
		{Name: "bootstrap-token-file", Value: Optional(Text(&f.BootstrapTokenFile, "path", "a path", func(s string) bool { return s != "" })),
			Usage: "file with a token of lockd token generate, which the principal admin of a new cluster gets", Fallback: "none", Example: "/etc/lockd/bootstrap-token",
			Change: "Set it to create a cluster without an operator. It has no effect if the cluster has a principal, or if authentication was enabled. Delete the file once the token is valid. Only the hash of the token is stored."},
		{Name: "jwt-config", Value: Optional(Text(&f.JWTConfig, "path", "a path", func(s string) bool { return s != "" })),
			Usage: "YAML file with the issuer, the audience, the keys and the principals of JSON Web Tokens", Fallback: "none", Example: "/etc/lockd/jwt.yaml",
			Change: "Set it to accept the tokens of Kubernetes service accounts, GitHub Actions or Vault; see docs/security.md."},
		{Name: "audit-log", Value: Optional(Text(&f.AuditLog, "path", "a path, or -", func(s string) bool { return s != "" })),
			Usage: "file of the audit log: a JSON line for each write, each refusal and each call of an administrator; - for stdout", Fallback: "none", Example: "/var/log/lockd/audit.log",
			Change: "Set it if you must know who did what. At SIGHUP the file is opened again."},
		{Name: "audit-reads", Value: Switch(&f.AuditReads), Usage: "write reads to the audit log, too", Fallback: "off", Example: "true",
			Change: "Set it if you must know who read what. The log grows with each read."},
	}
}

func (f *Server) limitSettings() []Setting {
	return []Setting{
		{Name: "heartbeat-timeout", Value: Duration(&f.HeartbeatTimeout, 50*time.Millisecond, 10*time.Second),
			Usage:  "election timeout: how long a follower waits for a heartbeat before it starts an election; the other Raft timeouts are derived from it",
			Change: "Increase it across regions, or on machines that stall. A failover takes about two to three times as long. Use the same value on all nodes."},
		{Name: "request-timeout", Value: Duration(&f.RequestTimeout, 100*time.Millisecond, time.Minute),
			Usage:  "timeout of a request, in addition to the wait that it requests",
			Change: "Increase it with a longer heartbeat-timeout, so that requests survive a failover."},
		{Name: "drain-timeout", Value: Duration(&f.DrainTimeout, time.Millisecond, 5*time.Second),
			Usage: "time limit for open requests at the end of the server", Change: "Decrease it if a supervisor kills the server after less than 10 seconds."},
		{Name: "max-conns", Value: Number(&f.MaxConns, 1, 0), Usage: "largest number of open client connections on this node",
			Change: "Increase it for more clients, together with the limit of open files: a node keeps a quarter of that limit, 48 to 1,024 files, " +
				"for its log, its snapshots and the other nodes, serves fewer clients if the rest is smaller, and logs that at its start."},
		{Name: "max-conns-per-ip", Value: Number(&f.MaxConnsPerIP, 1, 0), Usage: "largest number of open client connections from one address",
			Change: "Increase it behind one proxy. Decrease it if a single client must not use all connections."},
		{Name: "max-waits-per-ip", Value: Number(&f.MaxWaitsPerIP, 1, 0),
			Usage: "largest number of acquires from one address that wait on this node, or keep a place in a queue after a wait",
			Change: "Increase it behind one proxy or NAT, or if one machine runs many waiters. A queue has 1,000 places, so that with the default one address " +
				"cannot fill it through three nodes."},
		{Name: "max-acquire-rate", Value: Number(&f.MaxAcquireRate, 0, 0), Usage: "largest number of acquires a second of one principal on this node", Fallback: "no limit", Example: "100",
			Change: "Set it if one principal must not use the whole cluster. Renewals and releases are never limited."},
		{Name: "max-watchers", Value: Number(&f.MaxWatchers, 1, 0), Usage: "largest number of open watches on this node",
			Change: "Increase it for more watching clients; each watch costs memory."},
		{Name: "max-state-bytes", Value: Number(&f.MaxStateBytes, 0, 0),
			Usage: "bytes of leases, queues and history that this node can hold", Fallback: "a quarter of the memory", Example: "268435456",
			Change: "Set it if the node shares its memory. The smallest value in the cluster counts for all nodes."},
		{Name: "snapshot-threshold", Value: Number(&f.SnapshotThreshold, 1, 0), Usage: "number of log entries between two snapshots",
			Change: "A larger value writes fewer snapshots, but makes the start slower and the log file larger."},
		{Name: "snapshot-interval", Value: Duration(&f.SnapshotInterval, 5*time.Millisecond, time.Hour),
			Usage: "how often the node checks whether a snapshot is due", Change: "Rarely needed."},
		{Name: "trailing-logs", Value: Number(&f.TrailingLogs, 1, 0),
			Usage:  "number of log entries kept after a snapshot, for followers that lag",
			Change: "Increase it if nodes are often offline for a while: a node that lags by fewer entries needs no snapshot. The log file grows."},
		{Name: "log-store", Value: OneOf(&f.LogStore, "segments", "bolt"),
			Usage: "where the log is kept: in segments, with one sync an entry, or in raft.db (bolt), with two",
			Change: "Rarely needed. A node that starts with another value moves its log. A version of lockd that knows only bolt needs bolt: " +
				"start the node once with bolt before you install it."},
		{Name: "log-level", Value: OneOf(&f.Level, loglevel.Names...), Usage: "lowest level that is logged",
			Change: "debug adds the lines of Raft, and a line for each request that access-log does not select. lockd log-level changes it while the node runs."},
		{Name: "log-format", Value: OneOf(&f.LogFormat, "auto", "text", "json"), Usage: "format of the log; auto is text on a terminal, else json",
			Change: "Set it if the log collector needs the other format. text is for people, and has colors on a terminal unless NO_COLOR is set or TERM is dumb."},
		{Name: "access-log", Value: OneOf(&f.AccessLog, "off", "errors", "writes", "all"),
			Usage: "requests with a log line at level info: errors are those with a status of 500 and above, writes these and all writes except renewals",
			Change: "Set it to all for a small cluster, or to errors if clients acquire thousands of leases a second. The other requests have a line at level debug. " +
				"off writes none at any level. A node writes at most 500 of these lines a second; skipped is the number of missing ones."},
		{Name: "otlp-endpoint", Value: Optional(Text(&f.OTLPEndpoint, "url", "the URL of a collector, such as http://127.0.0.1:4318, without a user or a query", otlp.ValidEndpoint)),
			Usage: "URL of an OpenTelemetry collector that receives traces by OTLP over HTTP", Fallback: "no traces", Example: "http://127.0.0.1:4318",
			Change: "Set it to see in the traces of your services how long lockd took, and for what. /v1/traces is appended unless the URL has a path."},
		{Name: "trace-ratio", Value: Ratio(&f.TraceRatio), Usage: "part of the requests without a trace of their own that begin one; needs otlp-endpoint",
			Change: "Increase it to see more requests that come without the header traceparent. A request whose caller samples its trace is always traced. A renewal begins no trace."},
	}
}

// AddTo adds the settings, and the flag of the configuration file, to a command's flags.
func (f *Server) AddTo(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVar(&f.file, "config", "", "YAML file with these settings; flags and variables override it")
	Bind(flags, "config")
	for _, s := range f.Settings {
		usage := s.Usage
		if s.Fallback != "" {
			usage += " (default " + s.Fallback + ")"
		}
		flags.Var(s.Value, s.Name, usage)
		if _, ok := s.Value.(*Value[bool]); ok {
			flags.Lookup(s.Name).NoOptDefVal = "true" // the flag alone switches it on
		}
		Bind(flags, s.Name)
	}
}

// Load reads the configuration file, which does not override flags and variables, and then checks
// the combination of all settings.
func (f *Server) Load(flags *pflag.FlagSet) error {
	if f.file != "" {
		if err := loadFile(f.file, flags); err != nil {
			return err
		}
	}
	if f.MaxStateBytes > 0 && f.MaxStateBytes < fsm.MinStateBytes {
		return fmt.Errorf("--max-state-bytes %d: must be at least %d", f.MaxStateBytes, fsm.MinStateBytes)
	}
	if f.BootstrapExpect > 1 && len(f.Join) == 0 {
		return fmt.Errorf("--bootstrap-expect %d: also needs --join with the peer addresses of the other nodes", f.BootstrapExpect)
	}
	return f.CheckListeners()
}

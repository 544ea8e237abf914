package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/internal/cluster"
)

// serverFlags are what `lockd server` is told.
type serverFlags struct {
	app.Config
	join      []string
	logLevel  string
	logFormat string
}

func newServerCommand() *cobra.Command {
	var f serverFlags
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run a lockd node",
		Long: `Run a lockd node.

Alone, without flags, it is a cluster of one node that keeps its data in
./lockd-data and serves clients on http://127.0.0.1:7400.

Three nodes form a cluster without an operator when each is told how many to
expect and where the others are:

  lockd server --node-id a --data-dir a --http-addr 127.0.0.1:7400 --peer-addr 127.0.0.1:7401 \
    --bootstrap-expect 3 --join 127.0.0.1:7410,127.0.0.1:7420

A node that has data needs no flags about its cluster: it knows it. A new node
joins an existing cluster with --join alone. Every flag can be given as a
variable, too: --node-id as LOCKD_NODE_ID. A flag wins over its variable.

On SIGTERM or SIGINT the node hands its leadership over, drains its clients and
ends within 10 seconds.`,
		Example: "  lockd server\n  LOCKD_DATA_DIR=/var/lib/lockd lockd server --http-addr 0.0.0.0:7400",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.NodeID, "node-id", "", "this node's name, unique in the cluster (default the host's name; fixed once data exist)")
	flags.StringVar(&f.DataDir, "data-dir", app.DefaultDataDir, "where the log and the snapshots are kept")
	flags.StringVar(&f.HTTPAddr, "http-addr", app.DefaultHTTPAddr, "where clients are served")
	flags.StringVar(&f.PeerAddr, "peer-addr", app.DefaultPeerAddr, "where other nodes are served; keep it off public networks")
	flags.StringVar(&f.HTTPAdvertise, "http-advertise", "", "how others reach --http-addr (default as it is, with the host's name where it listens on all)")
	flags.StringVar(&f.PeerAdvertise, "peer-advertise", "", "how others reach --peer-addr (default likewise)")
	flags.IntVar(&f.BootstrapExpect, "bootstrap-expect", 0, "form a new cluster of so many nodes when all of them are there; needs --join")
	flags.StringSliceVar(&f.join, "join", nil, "HTTP addresses of other nodes, comma-separated")
	flags.DurationVar(&f.HeartbeatTimeout, "heartbeat-timeout", cluster.DefaultHeartbeat,
		"how long a silent leader is borne with before the next election; the other times of Raft follow (50ms to 10s)")
	flags.Uint64Var(&f.SnapshotThreshold, "snapshot-threshold", 8_192, "log entries between two snapshots")
	flags.DurationVar(&f.SnapshotInterval, "snapshot-interval", 30*time.Second, "how often the log is looked at for a snapshot")
	flags.Uint64Var(&f.TrailingLogs, "trailing-logs", 10_240, "log entries kept behind a snapshot, for followers that lag")
	flags.IntVar(&f.MaxWatchers, "max-watchers", app.DefaultMaxWatchers, "watches open at once on this node")
	flags.IntVar(&f.MaxConns, "max-conns", 16_384, "client connections open at once on this node")
	flags.IntVar(&f.MaxConnsPerIP, "max-conns-per-ip", 8_192, "client connections open at once from one address")
	flags.DurationVar(&f.RequestTimeout, "request-timeout", 3*time.Second, "how long a request may take, beside what it asks to wait")
	flags.DurationVar(&f.DrainTimeout, "drain-timeout", app.DefaultDrainTimeout, "how long open requests get at the end (at most 5s)")
	flags.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&f.logFormat, "log-format", "auto", "text, json, or auto: text on a terminal")
	return cmd
}

func (f *serverFlags) run(ctx context.Context, stderr io.Writer) error {
	if err := f.check(); err != nil {
		return usageError{err}
	}
	log, err := newLogger(stderr, f.logLevel, f.logFormat)
	if err != nil {
		return usageError{err}
	}
	f.Log = log
	f.Join = f.join
	f.Registry = prometheus.NewRegistry()
	f.Registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(),
	)
	if err := app.RaftMetrics(f.Registry); err != nil {
		return err
	}
	a, err := app.New(f.Config)
	if err != nil {
		return err
	}
	log.Info("lockd serves", "version", version, "http", "http://"+a.HTTPAddr(), "data", f.DataDir, "node", a.Node().NodeName())
	err = a.Run(ctx)
	log.Info("lockd has ended", "node", a.Node().NodeName())
	return err
}

// check says what is wrong with the flags, and what would be right.
func (f *serverFlags) check() error {
	var errs []error
	for _, a := range []struct{ flag, value string }{
		{"--http-addr", f.HTTPAddr}, {"--peer-addr", f.PeerAddr},
		{"--http-advertise", f.HTTPAdvertise}, {"--peer-advertise", f.PeerAdvertise},
	} {
		if a.value == "" && strings.HasSuffix(a.flag, "advertise") {
			continue
		}
		if _, port, err := net.SplitHostPort(a.value); err != nil || port == "" {
			errs = append(errs, fmt.Errorf("%s %q: must be HOST:PORT, such as 127.0.0.1:7400", a.flag, a.value))
		}
	}
	if f.BootstrapExpect > 1 && len(f.join) == 0 {
		errs = append(errs, fmt.Errorf("--bootstrap-expect %d: also needs --join with the HTTP addresses of the others", f.BootstrapExpect))
	}
	if f.BootstrapExpect < 0 || f.BootstrapExpect > 9 {
		errs = append(errs, fmt.Errorf("--bootstrap-expect %d: must be from 1 to 9; 3 or 5 are usual", f.BootstrapExpect))
	}
	for _, d := range []struct {
		flag               string
		value, least, most time.Duration
	}{
		{"--heartbeat-timeout", f.HeartbeatTimeout, 50 * time.Millisecond, 10 * time.Second},
		{"--request-timeout", f.RequestTimeout, 100 * time.Millisecond, time.Minute},
		{"--drain-timeout", f.DrainTimeout, 0, 5 * time.Second},
		{"--snapshot-interval", f.SnapshotInterval, 5 * time.Millisecond, time.Hour},
	} {
		if d.value < d.least || d.value > d.most {
			errs = append(errs, fmt.Errorf("%s %v: must be from %v to %v", d.flag, d.value, d.least, d.most))
		}
	}
	if f.MaxWatchers < 1 || f.MaxConns < 1 || f.MaxConnsPerIP < 1 {
		errs = append(errs, errors.New("--max-watchers, --max-conns and --max-conns-per-ip must be at least 1"))
	}
	return errors.Join(errs...)
}

func newLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %q: must be debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: l}
	switch {
	case format == "text", format == "auto" && onTerminal(w):
		return slog.New(slog.NewTextHandler(w, options)), nil
	case format == "json", format == "auto":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("--log-format %q: must be text, json or auto", format)
}

func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

func buildInfo() prometheus.Collector {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lockd_build_info", Help: "The version that runs; always 1.",
	}, []string{"version"})
	g.WithLabelValues(version).Set(1)
	return g
}

package main

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/loglevel"
	"github.com/lockd/lockd/internal/memory"
	"github.com/lockd/lockd/internal/raftmetrics"
)

func newServerCommand() *cobra.Command {
	f := config.NewServer()
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run a lockd node",
		Long: `Run a lockd node.

Without flags it is a cluster of one node that keeps its data in ./lockd-data and
serves clients on http://127.0.0.1:7400.

To listen on other addresses, it needs certificates (--tls-dir; lockd tls makes them)
or --insecure.

Three nodes form a cluster without an operator if each has the number of nodes to
expect and the addresses of the others:

  lockd server --node-id a --data-dir a --http-addr 127.0.0.1:7400 --peer-addr 127.0.0.1:7401 \
    --bootstrap-expect 3 --join 127.0.0.1:7411,127.0.0.1:7421

A node that has data needs no flags about its cluster: the data contain them. A new
node joins an existing cluster with --join alone.

Every flag can also be set by a variable, or in the file of --config: --node-id by
LOCKD_NODE_ID or node-id. A flag overrides its variable, and a variable overrides the
file. lockd config show prints each value and its source.

On SIGTERM or SIGINT the node transfers its leadership, drains its clients and ends
within 10 seconds. At SIGHUP it loads changed certificates. If nothing reads
the log, only its lines are lost.

The files of the data directory are readable by the server's user only, because they
contain sessions.`,
		Example: "  lockd server\n  lockd server --config /etc/lockd/lockd.yaml\n  lockd server --tls-dir /etc/lockd/tls --http-addr 0.0.0.0:7400 --peer-addr 0.0.0.0:7401",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			surviveClosedOutput()
			keepFilesPrivate()
			if err := loadSettings(f, cmd.Flags()); err != nil {
				return err
			}
			return serve(cmd.Context(), f, cmd.ErrOrStderr(), unknownVariables(cmd))
		},
	}
	f.AddTo(cmd.Flags())
	return cmd
}

// loadSettings reads the file and checks the settings. What is wrong is wrong usage.
func loadSettings(f *config.Server, flags *pflag.FlagSet) error {
	if err := f.Load(flags); err != nil {
		return usageError{err}
	}
	return nil
}

func serve(ctx context.Context, f *config.Server, stderr io.Writer, ignored []config.UnknownVariable) error {
	level, err := loglevel.Parse(f.Level)
	if err != nil {
		return err
	}
	f.LogLevel = loglevel.New(level)
	log, queue := console.NewLogger(console.LogConfig{To: stderr, Level: f.LogLevel, Format: f.LogFormat})
	defer queue.Close()
	for _, s := range ignored {
		log.Warn("unknown variable ignored", "variable", s.Name, "did_you_mean", s.Suggested)
	}
	var serving atomic.Pointer[app.App]
	surviveHangup(func() {
		log.Info("SIGHUP: certificates are loaded if they have changed, and the audit log is opened again; settings are only read at the start")
		if a := serving.Load(); a != nil {
			a.Reload()
		}
	})
	f.Log, f.Version = log, version
	f.Registry = prometheus.NewRegistry()
	f.Registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "lockd_log_lines_dropped_total",
			Help: "Log lines that were dropped because they were not read in time.",
		}, func() float64 { return float64(queue.Dropped()) }),
	)
	if err := raftmetrics.Register(f.Registry); err != nil {
		return err
	}
	available := memory.Available()
	memory.Limit(available)
	if f.MaxStateBytes == 0 {
		f.MaxStateBytes = memory.DefaultState(available)
	}
	a, err := app.New(f.Config)
	if err != nil {
		return err
	}
	serving.Store(a)
	try, ui := a.Hints()
	log.Info("lockd serves", "version", version, "http", a.URL(), "data", f.DataDir, "node", a.Node().NodeName(), "try", try, "console", ui)
	tuned, stopTuning := context.WithCancel(ctx)
	var tuning sync.WaitGroup
	tuning.Go(func() { memory.TuneGC(tuned) })
	err = a.Run(ctx)
	stopTuning()
	tuning.Wait()
	log.Info("lockd has ended", "node", a.Node().NodeName())
	return err
}

func buildInfo() prometheus.Collector {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lockd_build_info", Help: "The version that runs; always 1.",
	}, []string{"version"})
	g.WithLabelValues(version).Set(1)
	return g
}

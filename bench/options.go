package main

import (
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/lockd/lockd/bench/work"
)

// options are the values of the command line's flags.
type options struct {
	work.Settings
	runs     int
	only     string
	systems  string
	dir      string
	json     string
	keep     bool
	date     string
	programs programs
}

func parse(args []string, usage io.Writer) (*options, error) {
	o := &options{Settings: work.Settings{
		Clients: []int{1, 16, 64, 256}, Watchers: []int{1000, 5000}, Crowd: 9000, Leases: []int{10_000, 30_000, 100_000},
	}}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(usage)
	f.IntVar(&o.runs, "runs", 1, "number of measurements of each work")
	f.StringVar(&o.only, "only", "", "measure only works whose name contains one of these parts, separated by commas")
	f.StringVar(&o.systems, "systems", "", "measure only these systems, separated by commas: lockd, lockd-http, lockd-lean, etcd, etcd-conns, zookeeper, consul; with -baseline also lockd-before, lockd-http-before, lockd-lean-before")
	f.StringVar(&o.dir, "dir", ".", "directory for the data, on the disk to measure")
	f.StringVar(&o.json, "json", "", "file for all figures, as JSON")
	f.BoolVar(&o.keep, "keep", false, "keep the figures of other works in that file")
	f.StringVar(&o.date, "date", time.Now().Format(time.DateOnly), "date in the report")

	f.StringVar(&o.programs.lockd, "lockd", "../bin/lockd", "the binary to measure")
	f.StringVar(&o.programs.baseline, "baseline", "", "an older binary of lockd, to compare the binary with")
	f.StringVar(&o.programs.etcd, "etcd", "etcd", "the binary; searched on PATH")
	f.StringVar(&o.programs.consul, "consul", "consul", "the binary; searched on PATH")
	f.StringVar(&o.programs.zookeeper, "zookeeper", "zkServer.sh", "the script; searched on PATH and in Debian's directory")

	numbers(f, &o.Settings.Clients, "clients", "numbers of clients of the closed loops")
	numbers(f, &o.Rates, "rate", "operations per second of the open loops, with as many clients as the last closed loop")
	f.DurationVar(&o.Duration, "duration", 3*time.Second, "duration of each load")
	numbers(f, &o.Watchers, "watchers", "numbers of watchers of one lease")
	numbers(f, &o.Leases, "leases", "numbers of leases to measure the memory with, in ascending order; the last ones expire at once")
	f.IntVar(&o.Crowd, "crowd", o.Crowd, "number of waits, and of watchers, at one node; each wait and each watcher needs a connection: two file descriptors of this machine")
	f.IntVar(&o.Trials, "trials", 2, "number of leader failures and of cluster starts per run")
	f.DurationVar(&o.Idle, "idle", 10*time.Second, "time to measure an idle cluster")
	f.DurationVar(&o.Warmup, "warmup", 500*time.Millisecond, "duration of the load before each measurement")
	f.Float64Var(&o.Quiet, "quiet", 0.2, "cores that other programs may use; a measurement with more is repeated up to twice, and then left out of the ratios")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("too many arguments: %q", f.Args())
	}
	return o, nil
}

// numbers adds a flag whose value is a list of numbers. The list replaces the default.
func numbers[N int | float64](f *flag.FlagSet, to *[]N, name, usage string) {
	f.Func(name, fmt.Sprintf("%s, separated by commas (default %v)", usage, *to), func(s string) error {
		*to = nil
		for part := range strings.SplitSeq(s, ",") {
			n, err := strconv.ParseFloat(part, 64)
			if err != nil || N(n) < 1 {
				return fmt.Errorf("%q is not a number of at least 1", part)
			}
			*to = append(*to, N(n))
		}
		return nil
	})
}

// wanted reports whether name contains one of the parts of list, which are separated by commas. An empty list matches
// every name.
func wanted(name, list string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

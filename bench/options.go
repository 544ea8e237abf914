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

// options are the command line.
type options struct {
	work.Settings
	runs    int
	only    string
	systems string
	dir     string
	json    string
	keep    bool
	date    string
	found   found
}

func parse(args []string, says io.Writer) (*options, error) {
	o := &options{Settings: work.Settings{
		Clients: []int{1, 16, 64, 256}, Watchers: []int{1000, 5000}, Crowd: 9000, Leases: []int{10_000, 30_000, 100_000},
	}}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(says)
	f.IntVar(&o.runs, "runs", 1, "how often each work is measured")
	f.StringVar(&o.only, "only", "", "measure only works whose name contains one of these, with commas between")
	f.StringVar(&o.systems, "systems", "", "measure only these systems, with commas between")
	f.StringVar(&o.dir, "dir", ".", "where data are written: the disk that is measured")
	f.StringVar(&o.json, "json", "", "a file for all figures")
	f.BoolVar(&o.keep, "keep", false, "keep that file's figures of works that are not measured now")
	f.StringVar(&o.date, "date", time.Now().Format(time.DateOnly), "what the report is dated")

	f.StringVar(&o.found.lockd, "lockd", "../bin/lockd", "the binary to measure")
	f.StringVar(&o.found.etcd, "etcd", "etcd", "the binary; searched on PATH")
	f.StringVar(&o.found.consul, "consul", "consul", "the binary; searched on PATH")
	f.StringVar(&o.found.zookeeper, "zookeeper", "zkServer.sh", "the script; searched on PATH and where Debian has it")

	numbers(f, &o.Settings.Clients, "clients", "closed loops with so many clients at once")
	numbers(f, &o.Rates, "rate", "open loops with so many operations a second, by as many clients as the last closed loop")
	f.DurationVar(&o.Duration, "duration", 3*time.Second, "of each load")
	numbers(f, &o.Watchers, "watchers", "so many watch one lease")
	numbers(f, &o.Leases, "leases", "memory with so many leases, growing; the last expire at once")
	f.IntVar(&o.Crowd, "crowd", o.Crowd, "so many wait, and as many watch, at one node; each takes a connection and twice two file descriptors of this machine")
	f.IntVar(&o.Trials, "trials", 2, "how often in a run a leader is ended and a cluster started")
	f.DurationVar(&o.Idle, "idle", 10*time.Second, "how long an idle cluster is looked at")
	f.DurationVar(&o.Warmup, "warmup", 500*time.Millisecond, "before each load")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("too many arguments: %q", f.Args())
	}
	return o, nil
}

// numbers adds a flag that is a list, which replaces the default.
func numbers[N int | float64](f *flag.FlagSet, to *[]N, name, usage string) {
	f.Func(name, fmt.Sprintf("%s, with commas between (default %v)", usage, *to), func(s string) error {
		*to = nil
		for part := range strings.SplitSeq(s, ",") {
			n, err := strconv.ParseFloat(part, 64)
			if err != nil || N(n) < 1 {
				return fmt.Errorf("%q is no number from 1 on", part)
			}
			*to = append(*to, N(n))
		}
		return nil
	})
}

// wanted reports whether a list of parts, which may be empty, has one that is in the name.
func wanted(name, list string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

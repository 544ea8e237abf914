// Command bench measures a lockd cluster of three nodes on this machine: real
// processes, real disk, fsync on. Loads are bounded and stop by themselves.
//
//	go run ./bench -lockd bin/lockd
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"
)

type options struct {
	binary   string
	duration time.Duration
	leases   int
	failures int
	only     string
	keep     bool
}

func main() {
	var o options
	flag.StringVar(&o.binary, "lockd", "bin/lockd", "the binary to measure")
	flag.DurationVar(&o.duration, "duration", 5*time.Second, "of each load")
	flag.IntVar(&o.leases, "leases", 100_000, "for memory and mass expiry; 0: none")
	flag.IntVar(&o.failures, "failures", 5, "how often the leader is killed; 0: no failures, and no mass expiry")
	flag.StringVar(&o.only, "only", "", "measure only the works whose name contains this")
	flag.BoolVar(&o.keep, "keep", false, "leave the nodes' data and logs where they are")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) error {
	c, err := startCluster(ctx, o.binary, 3)
	if err != nil {
		return err
	}
	defer c.stop(o.keep)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "work\tC\tper second\tp50 ms\tp99 ms\tmax ms\terrors\t")
	for _, w := range []struct {
		name string
		work func(l *load, worker int) error
	}{
		{"echo (GET /healthz)", (*load).echo},
		{"acquire+release", (*load).cycle},
		{"renew", (*load).renew},
		{"renew by a follower", (*load).renewByFollower},
		{"linearizable read", (*load).read},
	} {
		if !strings.Contains(w.name, o.only) {
			continue
		}
		for _, workers := range []int{1, 64, 256} {
			r, err := c.measure(ctx, w.work, workers, o.duration)
			if err != nil {
				return fmt.Errorf("%s with %d: %w", w.name, workers, err)
			}
			fmt.Fprintf(table, "%s\t%d\t%.0f\t%s\t%s\t%s\t%d\t\n", w.name, workers,
				float64(r.count)/r.took.Seconds(), ms(r.p50), ms(r.p99), ms(r.max), r.errors)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if o.failures == 0 {
		return nil
	}
	if err := c.gaps(ctx, o.failures, out); err != nil {
		return err
	}
	if o.leases == 0 {
		return nil
	}
	return c.many(ctx, o.leases, out)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }

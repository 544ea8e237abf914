// Package work contains the works of the comparison. Each work measures a running cluster and adds rows to a report.
package work

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockd/lockd/bench/echo"
	"github.com/lockd/lockd/bench/lockd"
	"github.com/lockd/lockd/bench/report"
	"github.com/lockd/lockd/bench/system"
)

// Settings configure the works.
type Settings struct {
	Clients  []int         // numbers of clients of the closed loops
	Rates    []float64     // operations per second of the open loops
	Warmup   time.Duration // duration of the load before each measurement
	Duration time.Duration // duration of each load

	Trials   int           // leader failures and cold starts per run
	Watchers []int         // numbers of watchers of one lease
	Leases   []int         // numbers of leases to measure the memory with; the last ones expire at once
	Crowd    int           // number of waits, and of watchers, at one node
	Idle     time.Duration // time to measure an idle cluster
}

// Work is one measurement.
type Work struct {
	Name string
	Only string // the system that it is measured with; empty: all systems
	Size int    // number of servers of the cluster; 0: the default

	echo    bool // also measured with echo
	measure func(ctx context.Context, b *bench) error
}

// bench has the cluster, the settings and the report of a running work.
type bench struct {
	*system.Cluster
	Settings
	work   string
	report *report.Report
}

// row returns the row of k for this system, and for this work if k has none.
func (b *bench) row(k report.Key) *report.Row {
	k.Work, k.System = cmp.Or(k.Work, b.work), b.Name()
	return b.report.Row(k)
}

// Measure measures a cluster and adds rows to r. If the system does not support the work, the row has a note and
// Measure returns nil.
func (w Work) Measure(ctx context.Context, c *system.Cluster, s Settings, r *report.Report) error {
	b := &bench{Cluster: c, Settings: s, work: w.Name, report: r}
	err := w.measure(ctx, b)
	if errors.Is(err, errors.ErrUnsupported) {
		b.row(report.Key{}).Note = "not offered"
		return nil
	}
	return err
}

// With reports whether the work is measured with the named system.
func (w Work) With(name string) bool {
	if name == echo.Name {
		return w.echo
	}
	return w.Only == "" || w.Only == name
}

// All returns the works in the order of measurement.
func All() []Work {
	return slices.Concat(throughputs(), sizes(), []Work{
		{Name: "hand-over", measure: handOver},
		{Name: "leader killed", measure: leaderEnds(syscall.SIGKILL)},
		{Name: "leader terminated", measure: leaderEnds(syscall.SIGTERM)},
		{Name: "holder dead", measure: holderDead},
		{Name: "cold start", measure: coldStart},
		{Name: "watchers", measure: watchers},
		{Name: "idle cluster", Only: lockd.Name, measure: idle},
		{Name: waitsAndWatchers, Only: lockd.Name, measure: atOneNode},
		{Name: manyLeases, Only: lockd.Name, measure: many},
	})
}

// connect returns n clients. Client i uses the server at(i).
func (b *bench) connect(ctx context.Context, n int, at func(i int) int) (clients, error) {
	all := make(clients, n)
	err := all.each(func(i int, _ system.Client) (err error) {
		all[i], err = b.Connect(ctx, at(i))
		return err
	})
	if err != nil {
		all.close()
		return nil, err
	}
	return all, nil
}

// spread returns the server of client i, so that clients are distributed over all servers.
func (b *bench) spread(i int) int { return i % len(b.Servers) }

type clients []system.Client

// each calls do for every client, many at once.
func (all clients) each(do func(i int, c system.Client) error) error {
	const most = 64
	var group errgroup.Group
	group.SetLimit(most)
	for i, c := range all {
		group.Go(func() error { return do(i, c) })
	}
	return group.Wait()
}

// release releases all leases of the clients.
func (all clients) release(ctx context.Context) error {
	return all.each(func(_ int, c system.Client) error { return c.ReleaseAll(ctx) })
}

func (all clients) close() {
	_ = all.each(func(_ int, c system.Client) error {
		if c != nil { // nil if connect failed
			c.Close()
		}
		return nil
	})
}

// pause waits for d, or returns the error of ctx.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

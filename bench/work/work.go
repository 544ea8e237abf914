// Package work is what systems are compared in: each work measures a cluster that
// runs, and writes rows of a report.
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

// Settings say how much is measured.
type Settings struct {
	Clients  []int         // closed loops: so many at once
	Rates    []float64     // open loops: so many operations a second
	Warmup   time.Duration // before each load
	Duration time.Duration // of each load

	Trials   int           // in each run: ends of a leader, cold starts
	Watchers []int         // so many watch one lease
	Leases   []int         // memory with so many, one after the other; the last expire at once
	Crowd    int           // so many wait, and as many watch, at one node
	Idle     time.Duration // how long a cluster is looked at that has little to do
}

// A Work is one thing to measure.
type Work struct {
	Name string
	Only string // the one system that it is measured with; all where empty
	Size int    // how many servers a cluster has for it; as many as usual where 0

	echo    bool // measured with the echo, too
	measure func(ctx context.Context, b *bench) error
}

// bench is what a work has at hand.
type bench struct {
	*system.Cluster
	Settings
	work   string
	report *report.Report
}

// row returns the row of this work, or of one within it, and system under some load.
func (b *bench) row(k report.Key) *report.Row {
	k.Work, k.System = cmp.Or(k.Work, b.work), b.Name()
	return b.report.Row(k)
}

// Measure does the work with a cluster. What a system does not have is no error,
// but a row that says so.
func (w Work) Measure(ctx context.Context, c *system.Cluster, s Settings, r *report.Report) error {
	b := &bench{Cluster: c, Settings: s, work: w.Name, report: r}
	err := w.measure(ctx, b)
	if errors.Is(err, errors.ErrUnsupported) {
		b.row(report.Key{}).Note = "not offered"
		return nil
	}
	return err
}

// With reports whether the work is measured with a system.
func (w Work) With(name string) bool {
	if name == echo.Name {
		return w.echo
	}
	return w.Only == "" || w.Only == name
}

// All are the works, in the order in which they are measured.
func All() []Work {
	return slices.Concat(throughputs(), sizes(), []Work{
		{Name: "hand-over", measure: handOver},
		{Name: "leader killed", measure: leaderEnds(syscall.SIGKILL)},
		{Name: "leader told to end", measure: leaderEnds(syscall.SIGTERM)},
		{Name: "holder dead", measure: holderDead},
		{Name: "cold start", measure: coldStart},
		{Name: "watchers", measure: watchers},
		{Name: "idle cluster", Only: lockd.Name, measure: idle},
		{Name: waitsAndWatchers, Only: lockd.Name, measure: atOneNode},
		{Name: manyLeases, Only: lockd.Name, measure: many},
	})
}

// connect makes so many clients: client i at the server that at tells.
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

// spread puts clients on all servers in turn.
func (b *bench) spread(i int) int { return i % len(b.Servers) }

type clients []system.Client

// each does something with every client, many at once.
func (all clients) each(do func(i int, c system.Client) error) error {
	const most = 64
	var group errgroup.Group
	group.SetLimit(most)
	for i, c := range all {
		group.Go(func() error { return do(i, c) })
	}
	return group.Wait()
}

// release gives back whatever they hold.
func (all clients) release(ctx context.Context) error {
	return all.each(func(_ int, c system.Client) error { return c.ReleaseAll(ctx) })
}

func (all clients) close() {
	_ = all.each(func(_ int, c system.Client) error {
		if c != nil { // it was never connected
			c.Close()
		}
		return nil
	})
}

// pause lets a time pass, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

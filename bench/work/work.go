// Package work contains the works of the comparison. Each work measures a running cluster and adds rows to a report.
package work

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockd/lockd/bench/lockd"
	"github.com/lockd/lockd/bench/noise"
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

	Quiet float64 // cores that other programs may use during a measurement
}

// Work is one measurement.
type Work struct {
	Name string
	Size int // number of servers of the cluster; 0: the default

	by      subset
	measure func(ctx context.Context, b *bench) error
}

// subset are the systems that a work is measured with.
type subset int

const (
	compared  subset = iota // all except lockd-lean
	everyone                // all
	servers                 // one of each service: the client does not matter
	onlyLockd               // lockd-lean, because the work measures only lockd's servers
)

// bench has the cluster, the settings and the report of a running work.
type bench struct {
	*system.Cluster
	Settings
	work   string
	run    int
	report *report.Report
}

// key returns k for this system, and for this work if k has none.
func (b *bench) key(k report.Key) report.Key {
	k.Work, k.System = cmp.Or(k.Work, b.work), b.Info().Name
	return k
}

// row returns the cell of k for this run.
func (b *bench) row(k report.Key) *report.Cell { return b.report.Row(b.key(k)).Cell(b.run) }

// repeats is how often a noisy measurement is repeated.
const repeats = 2

// cell measures the cell of k, and repeats the measurement while other programs use the machine.
func (b *bench) cell(k report.Key, measure func(c *report.Cell) error) error {
	c, err := report.Repeat(b.Quiet, repeats, func() (*report.Cell, error) {
		c := report.NewCell(b.run)
		before, err := noise.Take(b.Servers)
		if err == nil {
			err = measure(c)
		}
		if err != nil {
			return c, err
		}
		after, err := noise.Take(b.Servers)
		c.Foreign, c.Measured = math.Round(100*after.Foreign(before))/100, true
		return c, err
	})
	if errors.Is(err, errors.ErrUnsupported) {
		return err // Measure notes it
	}
	row := b.report.Row(b.key(k))
	row.Cells = append(row.Cells, c)
	return err
}

// Measure measures a cluster and adds rows to r. If the system does not support the work, the row has a note and
// Measure returns nil.
func (w Work) Measure(ctx context.Context, c *system.Cluster, s Settings, r *report.Report, run int) error {
	b := &bench{Cluster: c, Settings: s, work: w.Name, run: run, report: r}
	err := w.measure(ctx, b)
	if errors.Is(err, errors.ErrUnsupported) {
		b.row(report.Key{}).Note = "not offered"
		return nil
	}
	return err
}

// With reports whether the work is measured with a system.
func (w Work) With(s system.Info) bool {
	lean := cmp.Or(s.Of, s.Name) == string(lockd.Lean)
	switch w.by {
	case everyone:
		return true
	case servers:
		return !s.Again
	case onlyLockd:
		return lean
	}
	return !lean
}

// All returns the works in the order of measurement.
func All() []Work {
	return slices.Concat(throughputs(), sizes(), []Work{
		{Name: "hand-over", measure: handOver(64)},
		{Name: "hand-over", measure: handOver(1000)},
		{Name: "watchers", measure: watchers},
		{Name: "holder dead", by: servers, measure: holderDead},
		{Name: "leader killed", by: servers, measure: leaderEnds(syscall.SIGKILL)},
		{Name: "leader terminated", by: servers, measure: leaderEnds(syscall.SIGTERM)},
		{Name: "cold start", by: servers, measure: coldStart},
		{Name: "idle cluster", by: onlyLockd, measure: idle},
		{Name: waitsAndWatchers, by: onlyLockd, measure: atOneNode},
		{Name: manyLeases, by: onlyLockd, measure: many},
	})
}

// connect returns n clients. Client i uses the server at(i). They share connections if the system does so.
func (b *bench) connect(ctx context.Context, n int, at func(i int) int) (*clients, error) {
	all := &clients{each: make([]system.Client, n), done: func() {}}
	connect := b.Connect
	if s, ok := b.System.(system.Sharing); ok {
		shared, done, err := s.Share()
		switch {
		case err == nil:
			connect, all.done = shared, done
		case !errors.Is(err, errors.ErrUnsupported):
			return nil, err
		}
	}
	if err := all.do(func(i int, _ system.Client) (err error) {
		all.each[i], err = connect(ctx, at(i))
		return err
	}); err != nil {
		all.close()
		return nil, err
	}
	return all, nil
}

// spread returns the server of client i, so that clients are distributed over all servers.
func (b *bench) spread(i int) int { return i % len(b.Servers) }

// clients are the clients of one measurement. done closes the connections that they share.
type clients struct {
	each []system.Client
	done func()
}

// do calls f for every client, many at once.
func (all *clients) do(f func(i int, c system.Client) error) error {
	const most = 64
	var group errgroup.Group
	group.SetLimit(most)
	for i, c := range all.each {
		group.Go(func() error { return f(i, c) })
	}
	return group.Wait()
}

// release releases all leases of the clients.
func (all *clients) release(ctx context.Context) error {
	return all.do(func(_ int, c system.Client) error { return c.ReleaseAll(ctx) })
}

func (all *clients) close() {
	_ = all.do(func(_ int, c system.Client) error {
		if c != nil { // nil if connect failed
			c.Close()
		}
		return nil
	})
	all.done()
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

package work

import (
	"context"
	"fmt"

	"github.com/lockd/lockd/bench/process"
	"github.com/lockd/lockd/bench/report"
	"github.com/lockd/lockd/bench/system"
	"github.com/lockd/lockd/internal/load"
)

// operation prepares one worker and returns the function that the worker repeats.
type operation func(ctx context.Context, c system.Client, worker int) (do func(context.Context) error, err error)

// throughputs returns the works that measure one operation. Their clients are distributed over all servers, because a
// client does not know the leader, unless the name of the work gives the server.
func throughputs() []Work {
	return []Work{
		{Name: "acquire and release", by: everyone, measure: throughput(cycle, spread)},
		{Name: "acquire", by: everyone, measure: throughput(acquire, spread)},
		{Name: "renew", by: everyone, measure: throughput(renew, spread)},
		{Name: "renew 100 leases of a session", by: everyone, measure: throughput(renewAll, spread)},
		{Name: "linearizable read", by: everyone, measure: throughput(read, spread)},
		{Name: "stale read", by: everyone, measure: throughput(readStale, spread)},
		{Name: "renew at the leader", by: onlyLockd, measure: throughput(renew, leader)},
		{Name: "renew through a follower", by: onlyLockd, measure: throughput(renew, follower)},
		{Name: "linearizable read at the leader", by: onlyLockd, measure: throughput(read, leader)},
	}
}

// place returns the server of the i-th client.
type place func(b *bench, leader, i int) int

func spread(b *bench, _, i int) int        { return b.spread(i) }
func leader(_ *bench, leader, _ int) int   { return leader }
func follower(b *bench, leader, _ int) int { return b.spread(leader + 1) }

// throughput returns a measure function with one load for each number of clients and for each rate.
func throughput(op operation, at place) func(context.Context, *bench) error {
	return func(ctx context.Context, b *bench) error {
		for _, n := range b.Settings.Clients {
			if err := b.load(ctx, op, at, report.Key{Clients: n}); err != nil {
				return err
			}
		}
		for _, rate := range b.Rates {
			most := b.Settings.Clients[len(b.Settings.Clients)-1]
			if err := b.load(ctx, op, at, report.Key{Clients: most, Rate: rate}); err != nil {
				return err
			}
		}
		return nil
	}
}

// load measures the cell of k: one load with clients of its own.
func (b *bench) load(ctx context.Context, op operation, at place, k report.Key) error {
	return b.cell(k, func(c *report.Cell) error { return b.once(ctx, op, at, k, c) })
}

// once runs one load and adds its result to a cell.
func (b *bench) once(ctx context.Context, op operation, at place, k report.Key, cell *report.Cell) error {
	leaderIndex, err := b.Leader(ctx)
	if err != nil {
		return err
	}
	all, err := b.connect(ctx, k.Clients, func(i int) int { return at(b, leaderIndex, i) })
	if err != nil {
		return err
	}
	defer all.close()
	do := make([]func(context.Context) error, len(all.each))
	if err := all.do(func(i int, c system.Client) (err error) {
		if do[i], err = op(ctx, c, i); err == nil && i == 0 {
			err = do[i](ctx) // finds out before the load if the system does not support it
		}
		return err
	}); err != nil {
		return err
	}
	var before process.Usage
	var unread error
	r, err := load.Run(ctx, load.Plan{
		Workers: k.Clients, Rate: k.Rate, Warmup: b.Warmup, Duration: b.Duration,
		Warm: func() { before, unread = b.Used() },
	}, func(ctx context.Context, worker int) error { return do[worker](ctx) })
	if err != nil {
		return err
	}
	after, err := b.Used()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case unread != nil:
		return unread
	case err != nil:
		return err
	}
	addResult(cell, k, r, after.Sub(before))
	return all.release(ctx)
}

// addResult adds a load's result to a cell.
func addResult(row *report.Cell, k report.Key, r load.Result, used process.Usage) {
	row.Errors += r.Errors
	if r.FirstErr != nil {
		row.Note = r.FirstErr.Error()
	}
	if r.Count == 0 {
		return
	}
	row.Add(report.PerSecond, r.PerSecond())
	row.Add(report.P50, milliseconds(r.P50))
	row.Add(report.P90, milliseconds(r.P90))
	row.Add(report.P99, milliseconds(r.P99))
	row.Add(report.P999, milliseconds(r.P999))
	row.Add(report.Max, milliseconds(r.Max))
	row.Add(report.CPU, float64(used.CPU.Microseconds())/float64(r.Count))
	if k.Rate > 0 {
		row.Add(report.Unstarted, 100*float64(r.Unstarted)/float64(r.Unstarted+r.Count+r.Errors))
	}
}

// cycle acquires and releases a lease as one operation.
func cycle(_ context.Context, c system.Client, worker int) (func(context.Context) error, error) {
	name := fmt.Sprintf("bench.cycle.%d", worker)
	return func(ctx context.Context) error {
		if err := c.Acquire(ctx, name); err != nil {
			return err
		}
		return c.Release(ctx, name)
	}, nil
}

// acquire acquires another lease each time. Every thousandth operation first releases all of them, which is included in
// the measurement.
func acquire(_ context.Context, c system.Client, worker int) (func(context.Context) error, error) {
	const most = 1000
	taken := 0
	return func(ctx context.Context) error {
		if taken++; taken%most == 0 {
			if err := c.ReleaseAll(ctx); err != nil {
				return err
			}
		}
		return c.Acquire(ctx, fmt.Sprintf("bench.fresh.%d.%d", worker, taken))
	}, nil
}

func renew(ctx context.Context, c system.Client, worker int) (func(context.Context) error, error) {
	name := held(worker)
	return func(ctx context.Context) error { return c.Renew(ctx, name) }, c.Acquire(ctx, name)
}

func renewAll(ctx context.Context, c system.Client, worker int) (func(context.Context) error, error) {
	const leases = 100
	for i := range leases {
		if err := c.Acquire(ctx, fmt.Sprintf("%s.%d", held(worker), i)); err != nil {
			return nil, err
		}
	}
	return c.RenewAll, nil
}

func read(ctx context.Context, c system.Client, worker int) (func(context.Context) error, error) {
	name := held(worker)
	return func(ctx context.Context) error { return c.Read(ctx, name) }, c.Acquire(ctx, name)
}

func readStale(ctx context.Context, c system.Client, worker int) (func(context.Context) error, error) {
	name := held(worker)
	return func(ctx context.Context) error { return c.ReadStale(ctx, name) }, c.Acquire(ctx, name)
}

func held(worker int) string { return fmt.Sprintf("bench.held.%d", worker) }

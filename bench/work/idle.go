package work

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/lockd/lockd/bench/process"
	"github.com/lockd/lockd/bench/report"
	"github.com/lockd/lockd/internal/load"
)

// logIndexer is a system that returns the index of its last applied log entry.
type logIndexer interface {
	LogIndex(ctx context.Context, server int) (uint64, error)
}

// idle measures a cluster with leases that are not renewed, and then the same cluster while each lease is renewed every
// third of the default TTL.
func idle(ctx context.Context, b *bench) error {
	const leases, every = 1000, 5 * time.Second
	log, ok := b.System.(logIndexer)
	if !ok {
		return errors.ErrUnsupported
	}
	all, err := b.connect(ctx, len(b.Servers), b.spread)
	if err != nil {
		return err
	}
	defer all.close()
	name := func(i int) string { return fmt.Sprintf("bench.idle.%d", i) }
	for i := range leases {
		if err := all.each[b.spread(i)].Acquire(ctx, name(i)); err != nil {
			return err
		}
	}
	if err := pause(ctx, b.Warmup); err != nil { // until every server has stored the acquires
		return err
	}
	row := b.row(report.Key{Leases: leases})
	if err := b.measureUse(ctx, log, row, func() error { return pause(ctx, b.Idle) }); err != nil {
		return err
	}
	const most = 16
	rate := leases / every.Seconds()
	row = b.row(report.Key{Leases: leases, Rate: rate})
	var next atomic.Int64
	return b.measureUse(ctx, log, row, func() error {
		r, err := load.Run(ctx, load.Plan{Workers: most, Rate: rate, Duration: b.Idle}, func(ctx context.Context, _ int) error {
			i := int(next.Add(1) % leases)
			return all.each[b.spread(i)].Renew(ctx, name(i))
		})
		row.Errors += r.Errors
		return errors.Join(err, r.FirstErr)
	})
}

// measureUse adds the servers' usage during do to a row.
func (b *bench) measureUse(ctx context.Context, log logIndexer, row *report.Cell, do func() error) error {
	began := time.Now()
	before, err := b.usages()
	if err != nil {
		return err
	}
	index, err := log.LogIndex(ctx, 0)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	after, err := b.usages()
	if err != nil {
		return err
	}
	took := time.Since(began)
	last, err := log.LogIndex(ctx, 0)
	if err != nil {
		return err
	}
	var busiest time.Duration
	var written int64
	for i, u := range after {
		used := u.Sub(before[i])
		busiest, written = max(busiest, used.CPU), written+used.Written
	}
	row.Add(report.NodeCPU, 100*busiest.Seconds()/took.Seconds())
	row.Add(report.Written, float64(written))
	row.Add(report.Entries, float64(last-index))
	return nil
}

// usages returns the usage of every server.
func (b *bench) usages() ([]process.Usage, error) {
	var all []process.Usage
	for _, p := range b.Servers {
		u, err := p.Used()
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, nil
}

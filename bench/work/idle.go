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

// A logged system tells how far its log is.
type logged interface {
	LogIndex(ctx context.Context, server int) (uint64, error)
}

// idle looks at a cluster that holds leases which nobody renews, and then at the
// same one while each is renewed every third of the default TTL.
func idle(ctx context.Context, b *bench) error {
	const leases, every = 1000, 5 * time.Second
	log, ok := b.System.(logged)
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
		if err := all[b.spread(i)].Acquire(ctx, name(i)); err != nil {
			return err
		}
	}
	if err := pause(ctx, b.Warmup); err != nil { // until what was acquired is on every disk
		return err
	}
	row := b.row(report.Key{Leases: leases})
	if err := b.look(ctx, log, row, func() error { return pause(ctx, b.Idle) }); err != nil {
		return err
	}
	const most = 16
	row = b.row(report.Key{Leases: leases, Rate: leases / every.Seconds()})
	var next atomic.Int64
	return b.look(ctx, log, row, func() error {
		r, err := load.Run(ctx, load.Plan{Workers: most, Rate: row.Rate, Duration: b.Idle}, func(ctx context.Context, _ int) error {
			i := int(next.Add(1) % leases)
			return all[b.spread(i)].Renew(ctx, name(i))
		})
		row.Errors += r.Errors
		return errors.Join(err, r.FirstErr)
	})
}

// look writes down what the servers use while something is done.
func (b *bench) look(ctx context.Context, log logged, row *report.Row, do func() error) error {
	began := time.Now()
	before, err := b.each()
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
	after, err := b.each()
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

// each is what every server has used.
func (b *bench) each() ([]process.Usage, error) {
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

package work

import (
	"context"
	"time"

	"github.com/lockd/lockd/bench/report"
)

// coldStart starts a cluster without data, terminates it and starts it again. It measures the time to the first
// acknowledged write of each start.
func coldStart(ctx context.Context, b *bench) error {
	row := b.row(report.Key{}) // not b.cell: Reset replaces the servers
	for range b.Trials {
		if err := b.Reset(); err != nil {
			return err
		}
		if err := b.start(ctx, row, report.FirstFresh); err != nil {
			return err
		}
		if err := b.Terminate(); err != nil {
			return err
		}
		if err := b.start(ctx, row, report.FirstAgain); err != nil {
			return err
		}
	}
	return nil
}

// start starts the cluster, adds the time to the first write to m, and waits until the cluster is ready.
func (b *bench) start(ctx context.Context, row *report.Cell, m report.Metric) error {
	began := time.Now()
	if err := b.StartAll(); err != nil {
		return err
	}
	first, err := b.firstWrite(ctx)
	if err != nil {
		return err
	}
	row.Add(m, milliseconds(first.Sub(began)))
	return b.Ready(ctx)
}

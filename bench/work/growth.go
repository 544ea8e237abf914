package work

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/lockd/lockd/bench/report"
)

// manyLeasesCosts measures operations whose time depends on the number of leases: listing them, a failover, and the
// start of a node that has them on disk.
func (b *bench) manyLeasesCosts(ctx context.Context, of *holdings) error {
	if err := b.list(ctx, of); err != nil {
		return err
	}
	leaderIndex, err := b.Leader(ctx)
	if err != nil {
		return err
	}
	outage, err := b.outage(ctx, syscall.SIGKILL)
	if err != nil {
		return err
	}
	row := b.row(report.Key{Leases: of.size})
	row.Add(report.Outage, milliseconds(outage))

	began := time.Now()
	if err := b.StartAll(); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	first, err := b.FirstWrite(bounded, leaderIndex)
	if err != nil {
		return err
	}
	row.Add(report.FirstAgain, milliseconds(first.Sub(began)))
	return b.Ready(ctx)
}

// listing is a client that lists leases page by page.
type listing interface {
	Page(ctx context.Context, prefix, after, limit string) (count int, next string, err error)
}

// list lists all leases in full pages and measures the time of each page and of all pages.
func (b *bench) list(ctx context.Context, of *holdings) error {
	const page = "1000"
	c, ok := of.by[0].(listing)
	if !ok {
		return errors.ErrUnsupported
	}
	var took []time.Duration
	all, start := 0, time.Now()
	for next := ""; ; {
		began := time.Now()
		count, after, err := c.Page(ctx, holdingsPrefix, next, page)
		if err != nil {
			return err
		}
		took = append(took, time.Since(began))
		all += count
		if next = after; next == "" {
			break
		}
	}
	if all != of.size {
		return fmt.Errorf("listed %d of %d leases", all, of.size)
	}
	slices.Sort(took)
	row := b.row(report.Key{Work: manyLeases + ": list " + page, Leases: of.size})
	row.Add(report.Pages, milliseconds(time.Since(start)))
	row.Add(report.P50, milliseconds(took[len(took)/2]))
	row.Add(report.P99, milliseconds(took[(len(took)-1)*99/100]))
	row.Add(report.Max, milliseconds(took[len(took)-1]))
	return nil
}

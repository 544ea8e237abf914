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

// grown measures what many leases make longer: to list them, to go on without the
// leader, and to start a node that has them.
func (b *bench) grown(ctx context.Context, of *holdings) error {
	if err := b.list(ctx, of); err != nil {
		return err
	}
	leads, err := b.Leader(ctx)
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
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	first, err := b.First(bounded, leads)
	if err != nil {
		return err
	}
	row.Add(report.FirstAgain, milliseconds(first.Sub(began)))
	return b.Ready(ctx)
}

// A listing client lists leases page by page.
type listing interface {
	Page(ctx context.Context, prefix, after, limit string) (count int, next string, err error)
}

// list asks for all of them, a full page at a time.
func (b *bench) list(ctx context.Context, of *holdings) error {
	const page = "1000"
	c, ok := of.by[0].(listing)
	if !ok {
		return errors.ErrUnsupported
	}
	var took []time.Duration
	all, began := 0, time.Now()
	for next := ""; ; {
		asked := time.Now()
		count, after, err := c.Page(ctx, holdingsPrefix, next, page)
		if err != nil {
			return err
		}
		took = append(took, time.Since(asked))
		all += count
		if next = after; next == "" {
			break
		}
	}
	if all != of.size {
		return fmt.Errorf("%d of %d leases were listed", all, of.size)
	}
	slices.Sort(took)
	row := b.row(report.Key{Work: manyLeases + ": list " + page, Leases: of.size})
	row.Add(report.Pages, milliseconds(time.Since(began)))
	row.Add(report.P50, milliseconds(took[len(took)/2]))
	row.Add(report.P99, milliseconds(took[(len(took)-1)*99/100]))
	row.Add(report.Max, milliseconds(took[len(took)-1]))
	return nil
}

package work

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockd/lockd/bench/report"
)

const manyLeases = "many leases"

// A holding client takes leases in the name of many processes.
type holding interface {
	// TakeAlone takes a lease by a session that holds nothing else, and KeepAlone
	// gives it another TTL.
	TakeAlone(ctx context.Context, name string, ttl time.Duration) error
	KeepAlone(ctx context.Context, name string, ttl time.Duration) error
	// Expired tells of holds below a prefix that have expired, from when ready is
	// called until ctx ends.
	Expired(ctx context.Context, prefix string, ready func(), expired func(name string)) error
}

// many measures the memory of more and more leases, each of a session of its own,
// renewals beside them, what else they make longer, and how late those expire that
// are all due at once.
func many(ctx context.Context, b *bench) error {
	of := new(holdings)
	done, err := of.connect(ctx, b)
	if err != nil {
		return err
	}
	defer done()
	empty, err := b.each()
	if err != nil {
		return err
	}
	for _, n := range slices.Sorted(slices.Values(b.Leases)) {
		if err := b.hold(ctx, of, n); err != nil {
			return err
		}
		row := b.row(report.Key{Leases: n})
		if err := b.resident(row, empty); err != nil {
			return err
		}
		const clients = 64
		others := report.Key{Work: manyLeases + ": renew others", Leases: n, Clients: clients}
		if err := b.load(ctx, renew, spread, others); err != nil {
			return err
		}
		if err := b.live(ctx, row); err != nil {
			return err
		}
	}
	if err := b.grown(ctx, of); err != nil {
		return err
	}
	// One server is another process now.
	again, err := of.connect(ctx, b)
	if err != nil {
		return err
	}
	defer again()
	return b.expire(ctx, of)
}

// hold takes leases until there are so many.
func (b *bench) hold(ctx context.Context, of *holdings, n int) error {
	const long = time.Hour
	before, began := of.size, time.Now()
	if n <= before {
		return nil
	}
	if err := of.grow(n, func(c holding, i int) error { return c.TakeAlone(ctx, of.name(i), long) }); err != nil {
		return err
	}
	of.pace = time.Since(began) / time.Duration(n-before)
	b.row(report.Key{Leases: n}).Add(report.PerSecond, 1/of.pace.Seconds())
	return nil
}

// holdings are leases that are numbered from 0, each taken by one of some clients.
type holdings struct {
	by   []holding
	size int
	pace time.Duration // that took one lease, the last time that there were more
}

// connect gives it clients, one of each server, until done is called.
func (of *holdings) connect(ctx context.Context, b *bench) (done func(), err error) {
	all, err := b.connect(ctx, len(b.Servers), b.spread)
	if err != nil {
		return nil, err
	}
	of.by = nil
	for _, c := range all {
		h, ok := c.(holding)
		if !ok {
			all.close()
			return nil, errors.ErrUnsupported
		}
		of.by = append(of.by, h)
	}
	return all.close, nil
}

const holdingsPrefix = "bench.many."

func (*holdings) name(i int) string { return fmt.Sprintf("%s%d", holdingsPrefix, i) }

// grow does something with every number up to another size.
func (of *holdings) grow(n int, do func(c holding, i int) error) error {
	from := of.size
	of.size = max(n, from)
	return of.each(from, do)
}

// each does something with every number from one on, many at once.
func (of *holdings) each(from int, do func(c holding, i int) error) error {
	const workers = 128
	var group errgroup.Group
	for w := range workers {
		group.Go(func() error {
			for i := from + w; i < of.size; i += workers {
				if err := again(func() error { return do(of.by[i%len(of.by)], i) }); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// again tries a few times: the session makes it harmless to repeat what may have
// been done, and among so many requests one meets a change of the leader.
func again(try func() error) (err error) {
	const times = 3
	for range times {
		if err = try(); err == nil {
			return nil
		}
	}
	return err
}

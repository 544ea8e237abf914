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

// holding is a client that acquires leases on behalf of many processes.
type holding interface {
	// AcquireAlone acquires a lease with a session that holds nothing else, and RenewAlone
	// renews it with another TTL.
	AcquireAlone(ctx context.Context, name string, ttl time.Duration) error
	RenewAlone(ctx context.Context, name string, ttl time.Duration) error
	// Expired calls expired for each hold below a prefix that expires. It calls ready when
	// it has begun, and ends with ctx.
	Expired(ctx context.Context, prefix string, ready func(), expired func(name string)) error
}

// many measures clusters with increasing numbers of leases, each with a session of its own: the memory, the renewals of
// other leases, the operations of manyLeasesCosts, and the lateness if all leases expire at once.
func many(ctx context.Context, b *bench) error {
	of := new(holdings)
	done, err := of.connect(ctx, b)
	if err != nil {
		return err
	}
	defer done()
	empty, err := b.usages()
	if err != nil {
		return err
	}
	for _, n := range slices.Sorted(slices.Values(b.Leases)) {
		if err := b.hold(ctx, of, n); err != nil {
			return err
		}
		row := b.row(report.Key{Leases: n})
		if err := b.resident(row, n, empty); err != nil {
			return err
		}
		const clients = 64
		others := report.Key{Work: manyLeases + ": renew others", Leases: n, Clients: clients}
		if err := b.load(ctx, renew, spread, others); err != nil {
			return err
		}
		if err := b.live(ctx, row, n); err != nil {
			return err
		}
	}
	if err := b.manyLeasesCosts(ctx, of); err != nil {
		return err
	}
	// manyLeasesCosts has restarted one server, so the connections to it are closed.
	again, err := of.connect(ctx, b)
	if err != nil {
		return err
	}
	defer again()
	return b.expire(ctx, of)
}

// hold acquires leases until there are n.
func (b *bench) hold(ctx context.Context, of *holdings, n int) error {
	const long = time.Hour
	before, began := of.size, time.Now()
	if n <= before {
		return nil
	}
	if err := of.grow(n, func(c holding, i int) error { return c.AcquireAlone(ctx, of.name(i), long) }); err != nil {
		return err
	}
	of.perLease = time.Since(began) / time.Duration(n-before)
	b.row(report.Key{Leases: n}).Add(report.PerSecond, 1/of.perLease.Seconds())
	return nil
}

// holdings are leases numbered from 0. The clients acquire them one after the other.
type holdings struct {
	by       []holding
	size     int
	perLease time.Duration // time per acquire, in the last call of hold
}

// connect sets the clients, one for each server. done closes them.
func (of *holdings) connect(ctx context.Context, b *bench) (done func(), err error) {
	all, err := b.connect(ctx, len(b.Servers), b.spread)
	if err != nil {
		return nil, err
	}
	of.by = nil
	for _, c := range all.each {
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

// grow raises the size to n and calls do for every new number.
func (of *holdings) grow(n int, do func(c holding, i int) error) error {
	from := of.size
	of.size = max(n, from)
	return of.each(from, do)
}

// each calls do for every number from from on, many at once.
func (of *holdings) each(from int, do func(c holding, i int) error) error {
	const workers = 128
	var group errgroup.Group
	for w := range workers {
		group.Go(func() error {
			for i := from + w; i < of.size; i += workers {
				if err := retry(func() error { return do(of.by[i%len(of.by)], i) }); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// retry calls try up to three times. The session makes a repeat harmless, and among so many requests some fail because
// of a change of leader.
func retry(try func() error) (err error) {
	const times = 3
	for range times {
		if err = try(); err == nil {
			return nil
		}
	}
	return err
}

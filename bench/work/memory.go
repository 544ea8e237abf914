package work

import (
	"context"
	"errors"
	"time"

	"github.com/lockd/lockd/bench/process"
	"github.com/lockd/lockd/bench/report"
	"github.com/lockd/lockd/internal/load"
)

// resident adds the growth of anonymous memory per lease to a row, for the server with the largest value. It includes
// garbage.
func (b *bench) resident(row *report.Cell, leases int, empty []process.Usage) error {
	now, err := b.usages()
	if err != nil {
		return err
	}
	var most int64
	for i, u := range now {
		most = max(most, u.Sub(empty[i]).Anonymous)
	}
	row.Add(report.LeaseBytes, float64(most)/float64(leases))
	return nil
}

// heapReader is a system that returns the size of a server's heap after its last garbage collection, and the number of
// collections.
type heapReader interface {
	Live(ctx context.Context, server int) (bytes float64, collections int, err error)
}

// live adds the heap without garbage per lease to a row, for the server with the largest value.
func (b *bench) live(ctx context.Context, row *report.Cell, leases int) error {
	memory, ok := b.System.(heapReader)
	if !ok {
		return errors.ErrUnsupported
	}
	var most float64
	for server := range b.Servers {
		bytes, err := b.liveOf(ctx, memory, server)
		if err != nil {
			return err
		}
		most = max(most, bytes)
	}
	row.Add(report.LiveBytes, most/float64(leases))
	return nil
}

// liveOf sends requests until a server collects its garbage, and returns the size of its heap.
func (b *bench) liveOf(ctx context.Context, memory heapReader, server int) (float64, error) {
	const readers, atOnce = 16, 200 * time.Millisecond
	_, before, err := memory.Live(ctx, server)
	if err != nil {
		return 0, err
	}
	c, err := b.Connect(ctx, server)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for end := time.Now().Add(maxWait); time.Now().Before(end); {
		if _, err := load.Run(ctx, load.Plan{Workers: readers, Duration: atOnce}, func(ctx context.Context, _ int) error {
			return c.ReadStale(ctx, holdingsPrefix+"0")
		}); err != nil {
			return 0, err
		}
		bytes, now, err := memory.Live(ctx, server)
		if err != nil || now > before {
			return bytes, err
		}
	}
	return 0, errors.New("no garbage collection in time")
}

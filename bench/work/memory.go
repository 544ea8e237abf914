package work

import (
	"context"
	"errors"
	"time"

	"github.com/lockd/lockd/bench/process"
	"github.com/lockd/lockd/bench/report"
	"github.com/lockd/lockd/internal/load"
)

// resident writes down what the kernel gives the server that has most, garbage and all.
func (b *bench) resident(row *report.Row, empty []process.Usage) error {
	now, err := b.each()
	if err != nil {
		return err
	}
	var most int64
	for i, u := range now {
		most = max(most, u.Sub(empty[i]).Anonymous)
	}
	row.Add(report.LeaseBytes, float64(most)/float64(row.Leases))
	return nil
}

// A collected system tells what lived when it last collected its garbage, and how
// often it has.
type collected interface {
	Live(ctx context.Context, server int) (bytes float64, collections int, err error)
}

// live writes down what of a server's memory is no garbage, the most of all servers.
func (b *bench) live(ctx context.Context, row *report.Row) error {
	memory, ok := b.System.(collected)
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
	row.Add(report.LiveBytes, most/float64(row.Leases))
	return nil
}

// liveOf makes garbage until a server collects it.
func (b *bench) liveOf(ctx context.Context, memory collected, server int) (float64, error) {
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
	for end := time.Now().Add(patience); time.Now().Before(end); {
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
	return 0, errors.New("no garbage is collected")
}

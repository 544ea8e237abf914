package work

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockd/lockd/bench/report"
)

// holderDead runs holders that die, each with one waiter, and measures the time from the end of the TTL to the grant to
// the waiter. The holders die at different times, so that their TTLs do not end together.
func holderDead(ctx context.Context, b *bench) error {
	round := 0
	return b.cell(report.Key{}, func(c *report.Cell) error {
		round++
		return b.holderDead(ctx, round, c)
	})
}

func (b *bench) holderDead(ctx context.Context, round int, row *report.Cell) error {
	const holders = 10
	var mu sync.Mutex
	one := func(i int) error {
		pair, err := b.connect(ctx, 2, func(j int) int { return b.spread(i + j) })
		if err != nil {
			return err
		}
		defer pair.close()
		name := fmt.Sprintf("bench.dead.%d.%d", round, i)
		over, err := pair.each[0].Abandon(ctx, name)
		if err != nil {
			return err
		}
		if err := pair.each[1].Lock(ctx, name); err != nil {
			return err
		}
		beyond := time.Since(over)
		mu.Lock()
		defer mu.Unlock()
		row.Add(report.Beyond, milliseconds(beyond))
		return nil
	}
	const apart = 70 * time.Millisecond
	var group errgroup.Group
	for i := range holders {
		group.Go(func() error { return one(i) })
		if err := pause(ctx, apart); err != nil {
			return errors.Join(err, group.Wait())
		}
	}
	return group.Wait()
}

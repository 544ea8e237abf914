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

// holderDead has holders that die, each with one that waits for its lease, and
// measures when those have it. They die at times that have nothing to do with one
// another, nor with any clock of the servers.
func holderDead(ctx context.Context, b *bench) error {
	const holders = 10
	var mu sync.Mutex
	row := b.row(report.Key{})
	one := func(i int) error {
		pair, err := b.connect(ctx, 2, func(j int) int { return b.spread(i + j) })
		if err != nil {
			return err
		}
		defer pair.close()
		name := fmt.Sprintf("bench.dead.%d", i)
		over, err := pair[0].Abandon(ctx, name)
		if err != nil {
			return err
		}
		if err := pair[1].Lock(ctx, name); err != nil {
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

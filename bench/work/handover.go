package work

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockd/lockd/bench/report"
)

// handOver has contenders on one lease, each of which gives it up as soon as it has
// it and queues again.
func handOver(ctx context.Context, b *bench) error {
	const contenders, name = 64, "bench.contended"
	all, err := b.connect(ctx, contenders, b.spread)
	if err != nil {
		return err
	}
	defer all.close()
	// With the slowest, a turn of all contenders takes some of a second.
	end := time.Now().Add(3 * b.Duration)
	t := turns{end: end, of: make([]float64, contenders)}
	began := time.Now()
	var group errgroup.Group
	for i, c := range all {
		group.Go(func() error {
			for time.Now().Before(end) && ctx.Err() == nil {
				asked := time.Now()
				if err := c.Lock(ctx, name); err != nil {
					return err
				}
				t.add(i, asked)
				if err := c.Unlock(ctx, name); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	t.write(b.row(report.Key{Clients: contenders}), end.Sub(began))
	return nil
}

// turns are those that contenders had until an end, and how long they waited for
// them. Who waits at the end waits on until it has its turn.
type turns struct {
	end time.Time

	mu      sync.Mutex
	of      []float64 // each contender
	waits   int
	waited  time.Duration
	longest time.Duration
}

func (t *turns) add(contender int, asked time.Time) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waits++
	t.waited += now.Sub(asked)
	t.longest = max(t.longest, now.Sub(asked))
	if now.Before(t.end) {
		t.of[contender]++
	}
}

func (t *turns) write(row *report.Row, took time.Duration) {
	var sum, squares float64
	for _, n := range t.of {
		sum += n
		squares += n * n
	}
	if sum == 0 {
		row.Note = "no hand-over in time"
		return
	}
	row.Add(report.PerSecond, sum/took.Seconds())
	row.Add(report.MeanWait, milliseconds(t.waited)/float64(t.waits))
	row.Add(report.LongestWait, milliseconds(t.longest))
	row.Add(report.Fairness, sum*sum/(float64(len(t.of))*squares))
}

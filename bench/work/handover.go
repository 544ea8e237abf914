package work

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockd/lockd/bench/report"
)

// handOver runs contenders for one lease. Each releases the lease as soon as it holds it and queues again.
func handOver(contenders int) func(context.Context, *bench) error {
	return func(ctx context.Context, b *bench) error {
		return b.cell(report.Key{Clients: contenders}, func(c *report.Cell) error { return b.handOver(ctx, contenders, c) })
	}
}

func (b *bench) handOver(ctx context.Context, contenders int, cell *report.Cell) error {
	const name = "bench.contended"
	all, err := b.connect(ctx, contenders, b.spread)
	if err != nil {
		return err
	}
	defer all.close()
	// In the slowest system, one hand-over to every contender takes so long. All of them connect and queue in this time.
	const each = 10 * time.Millisecond
	end := time.Now().Add(max(3*b.Duration, time.Duration(contenders)*each))
	h := handOvers{end: end, of: make([]float64, contenders)}
	began := time.Now()
	var group errgroup.Group
	for i, c := range all.each {
		group.Go(func() error {
			for time.Now().Before(end) && ctx.Err() == nil {
				began := time.Now()
				if err := c.Lock(ctx, name); err != nil {
					return err
				}
				h.add(i, began)
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
	h.write(cell, end.Sub(began))
	return nil
}

// handOvers counts the hand-overs to each contender until end, and their waits. A contender that waits at the end
// continues until it gets the lease: its wait counts, its hand-over does not.
type handOvers struct {
	end time.Time

	mu      sync.Mutex
	of      []float64 // hand-overs by contender
	waits   int
	waited  time.Duration
	longest time.Duration
}

// add records a hand-over to a contender that waited since began.
func (h *handOvers) add(contender int, began time.Time) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waits++
	h.waited += now.Sub(began)
	h.longest = max(h.longest, now.Sub(began))
	if now.Before(h.end) {
		h.of[contender]++
	}
}

// write adds the figures to a cell. took is the time until end.
func (h *handOvers) write(row *report.Cell, took time.Duration) {
	var sum, squares float64
	for _, n := range h.of {
		sum += n
		squares += n * n
	}
	if sum == 0 {
		row.Note = "no hand-over in time"
		return
	}
	row.Add(report.PerSecond, sum/took.Seconds())
	row.Add(report.MeanWait, milliseconds(h.waited)/float64(h.waits))
	row.Add(report.LongestWait, milliseconds(h.longest))
	row.Add(report.Fairness, sum*sum/(float64(len(h.of))*squares))
}

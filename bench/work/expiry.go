package work

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lockd/lockd/bench/report"
)

// expire renews all leases with TTLs that end at the same time, and measures how late a watcher receives each expiry.
func (b *bench) expire(ctx context.Context, of *holdings) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e := expiry{due: make([]time.Time, of.size), reported: make(chan struct{})}
	ready, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		failed <- of.by[0].Expired(ctx, holdingsPrefix, func() { close(ready) }, e.expired)
	}()
	if err := await(ctx, ready, failed); err != nil {
		return err
	}
	// The time is sufficient to renew all leases at half the speed at which they were acquired.
	const settle = 5 * time.Second
	at := time.Now().Add(settle + 2*time.Duration(of.size)*of.perLease)
	if err := of.each(0, func(c holding, i int) error {
		ttl := time.Until(at).Truncate(time.Millisecond)
		e.due[i] = time.Now().Add(ttl)
		return c.RenewAlone(ctx, of.name(i), ttl)
	}); err != nil {
		return err
	}
	const each = 200 * time.Microsecond // a longer time per expiry is a failure
	ctx, cancel = context.WithDeadline(ctx, at.Add(maxWait+time.Duration(of.size)*each))
	defer cancel()
	if err := await(ctx, e.reported, failed); err != nil {
		return fmt.Errorf("not all of %d leases expired: %w", of.size, err)
	}
	e.write(b.row(report.Key{Leases: of.size}))
	return nil
}

// await waits for done. It returns an error if the watch fails or ctx ends first.
func await(ctx context.Context, done <-chan struct{}, failed <-chan error) error {
	select {
	case <-done:
		return nil
	case err := <-failed:
		return fmt.Errorf("watch ended: %w", err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// expiry records the earliest expiry time of each lease and the lateness of its event.
type expiry struct {
	due      []time.Time
	late     []time.Duration
	reported chan struct{} // closed when all expiries were received
}

// expired records the event of one lease. The watch calls it from one goroutine.
func (e *expiry) expired(name string) {
	now := time.Now()
	i, err := strconv.Atoi(strings.TrimPrefix(name, holdingsPrefix))
	if err != nil || i >= len(e.due) {
		return // another lease
	}
	e.late = append(e.late, now.Sub(e.due[i]))
	if len(e.late) == len(e.due) {
		close(e.reported)
	}
}

func (e *expiry) write(row *report.Cell) {
	slices.Sort(e.late)
	at := func(percent int) float64 { return milliseconds(e.late[(len(e.late)-1)*percent/100]) }
	row.Add(report.LateP50, at(50))
	row.Add(report.LateP99, at(99))
	row.Add(report.LateMax, at(100))
	early, _ := slices.BinarySearch(e.late, 0)
	row.Add(report.Early, float64(early))
}

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

// expire gives all that is held a TTL that ends at the same moment, and measures
// how much later a watcher is told of each end.
func (b *bench) expire(ctx context.Context, of *holdings) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e := expiry{due: make([]time.Time, of.size), told: make(chan struct{})}
	ready, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		failed <- of.by[0].Expired(ctx, holdingsPrefix, func() { close(ready) }, e.expired)
	}()
	if err := await(ctx, ready, failed); err != nil {
		return err
	}
	// Late enough to have set them all, at half of the pace at which they were taken.
	const settle = 5 * time.Second
	at := time.Now().Add(settle + 2*time.Duration(of.size)*of.pace)
	if err := of.each(0, func(c holding, i int) error {
		ttl := time.Until(at).Truncate(time.Millisecond)
		e.due[i] = time.Now().Add(ttl)
		return c.KeepAlone(ctx, of.name(i), ttl)
	}); err != nil {
		return err
	}
	const each = 200 * time.Microsecond // so slow, nobody would want to know how slow
	ctx, cancel = context.WithDeadline(ctx, at.Add(patience+time.Duration(of.size)*each))
	defer cancel()
	if err := await(ctx, e.told, failed); err != nil {
		return fmt.Errorf("%d leases did not all expire: %w", of.size, err)
	}
	e.write(b.row(report.Key{Leases: of.size}))
	return nil
}

func await(ctx context.Context, done <-chan struct{}, failed <-chan error) error {
	select {
	case <-done:
		return nil
	case err := <-failed:
		return fmt.Errorf("the watch has ended: %w", err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// expiry is when leases were due at the earliest, and how late their ends were told.
type expiry struct {
	due  []time.Time
	late []time.Duration
	told chan struct{} // closed when all were
}

func (e *expiry) expired(name string) {
	now := time.Now()
	i, err := strconv.Atoi(strings.TrimPrefix(name, holdingsPrefix))
	if err != nil || i >= len(e.due) {
		return // none of these
	}
	e.late = append(e.late, now.Sub(e.due[i]))
	if len(e.late) == len(e.due) {
		close(e.told)
	}
}

func (e *expiry) write(row *report.Row) {
	slices.Sort(e.late)
	at := func(percent int) float64 { return milliseconds(e.late[(len(e.late)-1)*percent/100]) }
	row.Add(report.LateP50, at(50))
	row.Add(report.LateP99, at(99))
	row.Add(report.LateMax, at(100))
	early, _ := slices.BinarySearch(e.late, 0)
	row.Add(report.Early, float64(early))
}

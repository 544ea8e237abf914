package work

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/lockd/lockd/bench/report"
	"github.com/lockd/lockd/bench/system"
)

// watchers measures the time from a change of a lease to the event at the last of many watchers. They are
// distributed over all servers.
func watchers(ctx context.Context, b *bench) error {
	for _, n := range b.Watchers {
		if err := b.cell(report.Key{Watchers: n}, func(c *report.Cell) error {
			return b.watch(ctx, n, b.spread, c, func() error { return nil })
		}); err != nil {
			return fmt.Errorf("%d watchers: %w", n, err)
		}
	}
	return nil
}

// watch measures n watchers. Watcher i uses the server at(i). When all have begun, watch calls then before the first
// change.
func (b *bench) watch(ctx context.Context, n int, at func(i int) int, row *report.Cell, then func() error) error {
	const changes, name = 20, "bench.watched"
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	owner, err := b.Connect(ctx, 0)
	if err != nil {
		return err
	}
	defer owner.Close()
	all, err := b.connect(ctx, n, at)
	if err != nil {
		return err
	}
	defer all.close()
	c := newCrowd(n)
	for _, w := range all.each {
		if err := c.admit(ctx); err != nil {
			return err
		}
		go c.follow(ctx, w, name)
	}
	if _, err := c.all(ctx, false); err != nil { // all have begun
		return err
	}
	if err := then(); err != nil {
		return err
	}
	for i := range changes {
		held := i%2 == 0
		change := owner.Release
		if held {
			change = owner.Acquire
		}
		if err := change(ctx, name); err != nil {
			return err
		}
		acknowledged := time.Now()
		last, err := c.all(ctx, held)
		if err != nil {
			return err
		}
		row.Add(report.LastWatcher, max(0, milliseconds(last.Sub(acknowledged))))
	}
	return nil
}

// crowd is the watchers of one lease. Each sees every state once.
type crowd struct {
	size     int64
	arriving chan struct{} // has an item for each watcher that has not seen a state yet
	observed map[bool]*observation
	failed   chan error
}

// observation counts the watchers that have seen a state. All of them see it once per change.
type observation struct {
	seen atomic.Int64
	last chan time.Time // receives the time at which the last watcher saw it
}

func newCrowd(n int) *crowd {
	newObservation := func() *observation { return &observation{last: make(chan time.Time, 1)} }
	return &crowd{
		size: int64(n), failed: make(chan error, 1), observed: map[bool]*observation{true: newObservation(), false: newObservation()},
		arriving: make(chan struct{}, atOnce),
	}
}

// atOnce bounds the watches that are being opened, because the time to open them is not measured.
const atOnce = 256

// admit waits until one more watch may be opened.
func (c *crowd) admit(ctx context.Context) error {
	select {
	case c.arriving <- struct{}{}:
		return nil
	case err := <-c.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// follow runs one watcher.
func (c *crowd) follow(ctx context.Context, w system.Client, name string) {
	first, was := true, false
	err := w.Watch(ctx, name, func(held bool) {
		if first {
			<-c.arriving
		} else if held == was {
			return
		}
		first, was = false, held
		if s := c.observed[held]; s.seen.Add(1)%c.size == 0 {
			s.last <- time.Now()
		}
	})
	if ctx.Err() == nil {
		select {
		case c.failed <- errors.Join(errors.New("watch ended"), err):
		default: // one error is sufficient
		}
	}
}

// all waits until all watchers have seen a state, and returns the time of the last one.
func (c *crowd) all(ctx context.Context, held bool) (time.Time, error) {
	s := c.observed[held]
	select {
	case last := <-s.last:
		return last, nil
	case err := <-c.failed:
		return time.Time{}, err
	case <-time.After(maxWait):
		return time.Time{}, fmt.Errorf("only %d of %d watchers received the event", s.seen.Load()%c.size, c.size)
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}

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

// watchers measures how long a change takes to the last of many that watch a lease,
// each with a connection of its own, on all servers.
func watchers(ctx context.Context, b *bench) error {
	for _, n := range b.Watchers {
		row := b.row(report.Key{Watchers: n})
		if err := b.watch(ctx, n, b.spread, row, func() error { return nil }); err != nil {
			return fmt.Errorf("%d watchers: %w", n, err)
		}
	}
	return nil
}

// watch measures a crowd of watchers at the servers that at tells. Once all watch,
// it calls then before it changes anything.
func (b *bench) watch(ctx context.Context, n int, at func(i int) int, row *report.Row, then func() error) error {
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
	for _, w := range all {
		if err := c.admit(ctx); err != nil {
			return err
		}
		go c.follow(ctx, w, name)
	}
	if _, err := c.all(ctx, false); err != nil { // everybody watches
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

// A crowd is watchers of one lease, each of which sees every state once.
type crowd struct {
	size     int64
	arriving chan struct{} // holds a token for each that has not seen anything yet
	sees     map[bool]*sight
	failed   chan error
}

// sight counts those who have seen a state, in turns of all of them.
type sight struct {
	seen atomic.Int64
	last chan time.Time // when the last of a turn saw it
}

func newCrowd(n int) *crowd {
	sees := func() *sight { return &sight{last: make(chan time.Time, 1)} }
	return &crowd{
		size: int64(n), failed: make(chan error, 1), sees: map[bool]*sight{true: sees(), false: sees()},
		arriving: make(chan struct{}, atOnce),
	}
}

// atOnce is how many may be on their way to a server: what is measured is a crowd
// that is there, and not the moment in which it arrives.
const atOnce = 256

// admit waits until one more may arrive.
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

// follow is one watcher.
func (c *crowd) follow(ctx context.Context, w system.Client, name string) {
	first, was := true, false
	err := w.Watch(ctx, name, func(held bool) {
		if first {
			<-c.arriving
		} else if held == was {
			return
		}
		first, was = false, held
		if s := c.sees[held]; s.seen.Add(1)%c.size == 0 {
			s.last <- time.Now()
		}
	})
	if ctx.Err() == nil {
		select {
		case c.failed <- errors.Join(errors.New("a watch has ended"), err):
		default: // one is enough
		}
	}
}

// all waits until everybody has seen a state, and returns when the last did.
func (c *crowd) all(ctx context.Context, held bool) (time.Time, error) {
	s := c.sees[held]
	select {
	case last := <-s.last:
		return last, nil
	case err := <-c.failed:
		return time.Time{}, err
	case <-time.After(patience):
		return time.Time{}, fmt.Errorf("%d of %d watchers were told", s.seen.Load()%c.size, c.size)
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}

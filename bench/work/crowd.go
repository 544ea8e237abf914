package work

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lockd/lockd/bench/report"
	"github.com/lockd/lockd/bench/system"
)

const waitsAndWatchers = "waits and watchers"

// atOneNode measures the leader with many open waits and many watchers: its memory, the time from a change to the event
// at the last watcher, and renewals of other leases with and without this load.
func atOneNode(ctx context.Context, b *bench) error {
	const clients = 64
	if b.Crowd == 0 {
		return nil
	}
	leaderIndex, err := b.Leader(ctx)
	if err != nil {
		return err
	}
	others := report.Key{Work: waitsAndWatchers + ": renew others", Clients: clients}
	if err := b.load(ctx, renew, leader, others); err != nil {
		return err
	}
	row := b.row(report.Key{Crowd: b.Crowd})
	owner, err := b.Connect(ctx, leaderIndex)
	if err != nil {
		return err
	}
	defer owner.Close()
	before, err := b.anonymous(leaderIndex)
	if err != nil {
		return err
	}
	done, err := b.waits(ctx, owner, leaderIndex)
	if err != nil {
		return err
	}
	defer done()
	waited, err := b.anonymous(leaderIndex)
	if err != nil {
		return err
	}
	row.Add(report.WaitBytes, float64(waited-before)/float64(b.Crowd))

	at := func(int) int { return leaderIndex }
	return b.watch(ctx, b.Crowd, at, row, func() error {
		watched, err := b.anonymous(leaderIndex)
		if err != nil {
			return err
		}
		row.Add(report.WatchBytes, float64(watched-waited)/float64(b.Crowd))
		others.Crowd = b.Crowd
		return b.load(ctx, renew, leader, others)
	})
}

// anonymous returns the anonymous memory of a server in bytes.
func (b *bench) anonymous(server int) (int64, error) {
	all, err := b.usages()
	if err != nil {
		return 0, err
	}
	return all[server].Anonymous, nil
}

// queueing is a client that returns the number of waiters of a lease.
type queueing interface {
	Queue(ctx context.Context, name string) (int, error)
}

// waits opens b.Crowd waits for leases that owner holds. done ends them.
func (b *bench) waits(ctx context.Context, owner system.Client, server int) (done func(), err error) {
	const perQueue = 500 // below lockd's limit of waiters per lease
	queues, ok := owner.(queueing)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	all, err := b.connect(ctx, b.Crowd, func(int) int { return server })
	if err != nil {
		return nil, err
	}
	var waiting sync.WaitGroup
	done = func() {
		_ = all.release(ctx) // each client leaves its queue, and its wait is answered
		waiting.Wait()
		all.close()
	}
	queue := 0
	for some := range slices.Chunk(all.each, perQueue) {
		name := fmt.Sprintf("bench.queue.%d", queue)
		queue++
		if err = owner.Acquire(ctx, name); err != nil {
			break
		}
		for _, c := range some {
			waiting.Go(func() {
				// The lease is never released, so done ends the wait and the error does not matter.
				_ = c.Lock(ctx, name)
			})
		}
		if err = waitQueued(ctx, queues, name, len(some)); err != nil {
			break
		}
	}
	if err != nil {
		done()
		return nil, err
	}
	return done, nil
}

// waitQueued waits until a lease has want waiters.
func waitQueued(ctx context.Context, queues queueing, name string, want int) error {
	for end := time.Now().Add(maxWait); time.Now().Before(end); {
		n, err := queues.Queue(ctx, name)
		if err != nil || n >= want {
			return err
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("fewer than %d waiters of %s", want, name)
}

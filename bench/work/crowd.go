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

// atOneNode measures what a node, the leader, needs for many open waits and many
// watchers, how long a change takes to the last of these, and renewals beside them.
func atOneNode(ctx context.Context, b *bench) error {
	const clients = 64
	if b.Crowd == 0 {
		return nil
	}
	leads, err := b.Leader(ctx)
	if err != nil {
		return err
	}
	others := report.Key{Work: waitsAndWatchers + ": renew others", Clients: clients}
	if err := b.load(ctx, renew, leader, others); err != nil {
		return err
	}
	row := b.row(report.Key{Crowd: b.Crowd})
	owner, err := b.Connect(ctx, leads)
	if err != nil {
		return err
	}
	defer owner.Close()
	before, err := b.anonymous(leads)
	if err != nil {
		return err
	}
	done, err := b.waits(ctx, owner, leads)
	if err != nil {
		return err
	}
	defer done()
	waited, err := b.anonymous(leads)
	if err != nil {
		return err
	}
	row.Add(report.WaitBytes, float64(waited-before)/float64(b.Crowd))

	at := func(int) int { return leads }
	return b.watch(ctx, b.Crowd, at, row, func() error {
		watched, err := b.anonymous(leads)
		if err != nil {
			return err
		}
		row.Add(report.WatchBytes, float64(watched-waited)/float64(b.Crowd))
		others.Crowd = b.Crowd
		return b.load(ctx, renew, leader, others)
	})
}

func (b *bench) anonymous(server int) (int64, error) {
	all, err := b.each()
	if err != nil {
		return 0, err
	}
	return all[server].Anonymous, nil
}

// A queueing client tells how many wait for a lease.
type queueing interface {
	Queue(ctx context.Context, name string) (int, error)
}

// waits lets a crowd wait for leases that somebody holds, until done is called.
func (b *bench) waits(ctx context.Context, owner system.Client, server int) (done func(), err error) {
	const inALine = 500 // below what a queue may be
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
		_ = all.release(ctx) // each leaves its queue, and its wait is answered
		waiting.Wait()
		all.close()
	}
	line := 0
	for some := range slices.Chunk(all, inALine) {
		name := fmt.Sprintf("bench.line.%d", line)
		line++
		if err = owner.Acquire(ctx, name); err != nil {
			break
		}
		for _, c := range some {
			waiting.Go(func() {
				// It is never its turn: what ends the wait, and so what came of it, is
				// nobody's business here.
				_ = c.Lock(ctx, name)
			})
		}
		if err = inLine(ctx, queues, name, len(some)); err != nil {
			break
		}
	}
	if err != nil {
		done()
		return nil, err
	}
	return done, nil
}

// inLine waits until so many wait for a lease.
func inLine(ctx context.Context, queues queueing, name string, want int) error {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		n, err := queues.Queue(ctx, name)
		if err != nil || n >= want {
			return err
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("not all of %d wait for %s", want, name)
}

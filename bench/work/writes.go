package work

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A write was begun at one time and acknowledged at another.
type write struct{ begun, acknowledged time.Time }

// How writes are begun while servers come and go, and how long that may go on.
const (
	writeEvery   = 10 * time.Millisecond
	writeTimeout = 2 * time.Second
	patience     = 60 * time.Second
)

var errNoWrite = errors.New("no write was acknowledged in time")

// writes begins a write every few milliseconds, whatever became of those before it,
// at all servers in turn but one, and sends those that were acknowledged. Each has a
// client of its own: nothing that a client does to connect again is measured.
func (b *bench) writes(ctx context.Context, but int) (acknowledged <-chan write, stop func()) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	to := make(chan write)
	var all sync.WaitGroup
	one := func(server int) {
		bounded, cancel := context.WithTimeout(ctx, writeTimeout)
		defer cancel()
		w := write{begun: time.Now()}
		var err error
		if w.acknowledged, err = b.Write(bounded, server); err == nil {
			select {
			case to <- w:
			case <-ctx.Done():
			}
		}
	}
	all.Go(func() {
		tick := time.NewTicker(writeEvery)
		defer tick.Stop()
		for i := 0; ctx.Err() == nil; i++ {
			if server := b.spread(i); server != but {
				all.Go(func() { one(server) })
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	go func() {
		all.Wait()
		close(to)
	}()
	return to, func() {
		cancel()
		for range to { // until all have ended
		}
	}
}

// firstWrite waits for a write at any server.
func (b *bench) firstWrite(ctx context.Context) (time.Time, error) {
	const none = -1
	acknowledged, stop := b.writes(ctx, none)
	defer stop()
	w, ok := <-acknowledged
	if !ok {
		return time.Time{}, fmt.Errorf("%w: %w", errNoWrite, ctx.Err())
	}
	return w.acknowledged, nil
}

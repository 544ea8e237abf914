package work

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// write has the times at which a write began and was acknowledged.
type write struct{ begun, acknowledged time.Time }

// The interval and the timeout of writes, and the time limit for waiting for an event.
const (
	writeEvery   = 10 * time.Millisecond
	writeTimeout = 2 * time.Second
	maxWait      = 60 * time.Second
)

var errNoWrite = errors.New("no write was acknowledged in time")

// writes begins a write every writeEvery, at each server except one, one after the other, and does not wait for the
// earlier writes. It sends the acknowledged ones. Each write has a client of its own, so that reconnecting is not
// measured. stop ends the writes and waits for them.
func (b *bench) writes(ctx context.Context, except int) (acknowledged <-chan write, stop func()) {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
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
			if server := b.spread(i); server != except {
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
		for range to { // wait until all have ended
		}
	}
}

// firstWrite returns the time of the first acknowledged write at any server.
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

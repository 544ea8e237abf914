package work

import (
	"context"
	"syscall"
	"time"

	"github.com/lockd/lockd/bench/process"
	"github.com/lockd/lockd/bench/report"
)

// leaderEnds sends a signal to the leader while clients write to the other servers, and measures the longest time
// without an acknowledged write.
func leaderEnds(signal syscall.Signal) func(context.Context, *bench) error {
	return func(ctx context.Context, b *bench) error {
		return b.cell(report.Key{}, func(c *report.Cell) error {
			for range b.Trials {
				outage, err := b.outage(ctx, signal)
				if err != nil {
					return err
				}
				c.Add(report.Outage, milliseconds(outage))
				if err := b.StartAll(); err != nil {
					return err
				}
				if err := b.Ready(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// outage signals the leader and returns the longest time between two acknowledged writes. It returns after the first
// acknowledged write that began after the leader's process had ended.
func (b *bench) outage(ctx context.Context, signal syscall.Signal) (time.Duration, error) {
	leaderIndex, err := b.Leader(ctx)
	if err != nil {
		return 0, err
	}
	acknowledged, stop := b.writes(ctx, leaderIndex)
	defer stop()
	if _, ok := <-acknowledged; !ok {
		return 0, errNoWrite
	}
	last := time.Now()
	if err := b.Servers[leaderIndex].Signal(signal); err != nil {
		return 0, err
	}
	ended := exitTime(b.Servers[leaderIndex])
	var end time.Time
	var longest time.Duration
	for {
		select {
		case end = <-ended:
			ended = nil
		case w, ok := <-acknowledged:
			if !ok {
				return 0, errNoWrite
			}
			if w.acknowledged.After(last) {
				longest, last = max(longest, w.acknowledged.Sub(last)), w.acknowledged
			}
			// The old leader may have processed a write that began before its end.
			if !end.IsZero() && w.begun.After(end) {
				return longest, nil
			}
		}
	}
}

// exitTime returns a channel that receives the time at which a process has ended.
func exitTime(p *process.Process) <-chan time.Time {
	ended := make(chan time.Time, 1)
	go func() {
		p.Wait()
		ended <- time.Now()
	}()
	return ended
}

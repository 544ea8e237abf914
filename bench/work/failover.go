package work

import (
	"context"
	"syscall"
	"time"

	"github.com/lockd/lockd/bench/process"
	"github.com/lockd/lockd/bench/report"
)

// leaderEnds sends the leader a signal under writes to the others, and measures for
// how long none was acknowledged.
func leaderEnds(signal syscall.Signal) func(context.Context, *bench) error {
	return func(ctx context.Context, b *bench) error {
		for range b.Trials {
			outage, err := b.outage(ctx, signal)
			if err != nil {
				return err
			}
			b.row(report.Key{}).Add(report.Outage, milliseconds(outage))
			if err := b.StartAll(); err != nil {
				return err
			}
			if err := b.Ready(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

func (b *bench) outage(ctx context.Context, signal syscall.Signal) (time.Duration, error) {
	leads, err := b.Leader(ctx)
	if err != nil {
		return 0, err
	}
	acknowledged, stop := b.writes(ctx, leads)
	defer stop()
	if _, ok := <-acknowledged; !ok {
		return 0, errNoWrite
	}
	last := time.Now()
	if err := b.Servers[leads].Signal(signal); err != nil {
		return 0, err
	}
	ended := whenEnded(b.Servers[leads])
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
			// What was begun before the leader had ended may have come to it in time.
			if !end.IsZero() && w.begun.After(end) {
				return longest, nil
			}
		}
	}
}

func whenEnded(p *process.Process) <-chan time.Time {
	ended := make(chan time.Time, 1)
	go func() {
		p.Wait()
		ended <- time.Now()
	}()
	return ended
}

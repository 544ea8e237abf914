package expiry

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// Leader is what the job needs from the term that it serves.
type Leader interface {
	// Due marks what is due and returns it, with the time until the next deadline.
	Due(most int) (due []fsm.Timer, next time.Duration)
	// Decide proposes the ends and waits for the outcome. An error that wraps
	// fsm.ErrUnknown leaves it open; every other one means that nothing was applied.
	Decide(ctx context.Context, ends []fsm.Timer) error
	// Undecided takes back the marks of ends that were surely not proposed.
	Undecided(ends []fsm.Timer)
}

const (
	// longestTurn bounds how late a deadline is seen that was set meanwhile.
	longestTurn = 50 * time.Millisecond
	// pause keeps a leader that cannot commit from spinning.
	pause = 20 * time.Millisecond
)

// Run proposes what is due until ctx, the term's own, ends. A decision is never
// retried: what was surely not proposed is decided anew, from the present state.
func Run(ctx context.Context, l Leader, log *slog.Logger) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		due, next := l.Due(fsm.MaxEntryCommands)
		if len(due) == 0 {
			timer.Reset(min(max(next, time.Millisecond), longestTurn))
			continue
		}
		wait := time.Duration(0)
		if err := l.Decide(ctx, due); err != nil && ctx.Err() == nil {
			log.Warn("ends that are due were not applied", "count", len(due), "err", err)
			if !errors.Is(err, fsm.ErrUnknown) {
				l.Undecided(due)
			}
			wait = pause
		}
		timer.Reset(wait)
	}
}

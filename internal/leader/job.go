package leader

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// Leader is what the job needs from the term that it serves.
type Leader interface {
	// Due takes a turn: it marks what is due, at most so much, and returns it,
	// with the time until the next deadline.
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
	// maxOpen decisions are on their way at once: one is written while another is
	// applied.
	maxOpen = 2
	// pause keeps a leader that cannot commit from spinning.
	pause = 20 * time.Millisecond
)

// Run proposes what is due until ctx, the term's own, ends. A decision is never
// retried: what was surely not proposed is decided anew, from the present state.
//
// It keeps taking turns while an outcome is awaited: a leader whose disk is slow
// was not stopped, and owes nobody more time.
func Run(ctx context.Context, l Leader, log *slog.Logger) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	decided := make(chan decision)
	open := 0 // decisions whose outcome is awaited
	for {
		select {
		case <-ctx.Done():
			for range open {
				<-decided // its term is over
			}
			return ctx.Err()
		case d := <-decided:
			open--
			timer.Reset(d.settle(ctx, l, log))
			continue
		case <-timer.C:
		}
		if open == maxOpen {
			l.Due(0)
			timer.Reset(longestTurn)
			continue
		}
		due, next := l.Due(fsm.MaxEntryCommands)
		if len(due) > 0 {
			open++
			go func() { decided <- decision{due, l.Decide(ctx, due)} }()
		}
		timer.Reset(min(max(next, time.Millisecond), longestTurn))
	}
}

// A decision is ends that were proposed together, and what came of it.
type decision struct {
	ends []fsm.Timer
	err  error
}

// settle takes back what was surely not decided, and returns how long to wait
// before the next turn.
func (d decision) settle(ctx context.Context, l Leader, log *slog.Logger) time.Duration {
	if d.err == nil || ctx.Err() != nil {
		return 0
	}
	log.Warn("ends that are due were not applied", "count", len(d.ends), "err", d.err)
	if !errors.Is(d.err, fsm.ErrUnknown) {
		l.Undecided(d.ends)
	}
	return pause
}

package leader

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

const (
	// maxPoll is the longest time between two polls of the deadlines. It bounds how late
	// a deadline is noticed that was set meanwhile.
	maxPoll = 50 * time.Millisecond
	// minPoll is the shortest one.
	minPoll = time.Millisecond
	// maxOpen decisions are on their way at once: one is written while another one is
	// applied.
	maxOpen = 2
	// maxEnds bounds the ends of a decision, and so of an entry. Each costs about 10 µs under the lock of the replica, for
	// which renewals and reads wait.
	maxEnds = 256
	// decisionPause keeps a leader that cannot commit from deciding without end.
	decisionPause = 20 * time.Millisecond
)

// decisions counts the decisions about expired timers whose outcome is not known.
type decisions struct {
	open   int
	resume time.Duration // no decision before this time
}

// expire proposes the ends of what has run out. A decision is never retried: what was
// certainly not proposed is decided again, from the state at that time.
//
// It polls while an outcome is not known, too: a leader whose disk is slow was not
// stopped, and no deadline is moved for it.
func (t *Term) expire() (due time.Duration) {
	var ends []fsm.Timer
	t.host.View(func(*Replica) {
		now := t.host.Now()
		if now < t.expiring.resume {
			due = t.expiring.resume
			return
		}
		if t.expiring.open == maxOpen {
			t.state.deadlines.Due(now, 0)
			due = now + maxPoll
			return
		}
		ends, due = t.state.deadlines.Due(now, maxEnds)
		due = min(max(due, now+minPoll), now+maxPoll)
		if len(ends) > 0 {
			t.expiring.open++
		}
	})
	if len(ends) > 0 {
		t.decide(ends)
	}
	return due
}

// A decision is the proposal of ends that were due together.
type decision struct {
	t    *Term
	ends []fsm.Timer

	// mu guards the rest.
	mu      sync.Mutex
	pending int // how many outcomes are not known
	failed  error
}

func (t *Term) decide(ends []fsm.Timer) {
	d := &decision{t: t, ends: ends, pending: len(ends)}
	proposals := make([]proposal, len(ends))
	for i, e := range ends {
		proposals[i] = proposal{command: e.Expire(), respond: d.outcome}
	}
	t.packer.propose(proposals...)
}

// outcome records the outcome of one of the ends. If it is unknown, that of all is:
// none may be decided again.
func (d *decision) outcome(_ fsm.Result, _ timing, err error) {
	d.mu.Lock()
	if err != nil && !errors.Is(d.failed, fsm.ErrUnknown) {
		d.failed = err
	}
	d.pending--
	last := d.pending == 0
	d.mu.Unlock()
	if last {
		d.settle()
	}
}

// settle ends a decision: it removes the marks of ends that were certainly not proposed.
// A term that has ended leaves everything as it is.
func (d *decision) settle() {
	t, closed := d.t, d.t.closed.Load()
	t.host.View(func(*Replica) {
		t.expiring.open--
		if d.failed == nil || closed {
			return
		}
		t.expiring.resume = t.host.Now() + decisionPause
		if errors.Is(d.failed, fsm.ErrUnknown) {
			return
		}
		for _, e := range d.ends {
			t.state.deadlines.Unmark(e)
		}
	})
	if closed {
		return
	}
	if d.failed != nil {
		t.host.Report(fmt.Errorf("%d expired timers were not ended: %w", len(d.ends), d.failed))
	}
	t.host.Wake(Expire)
}

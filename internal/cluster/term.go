package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sync/errgroup"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// A term is one reign of this node: everything that only a leader does runs on
// its context and ends with it.
type term struct {
	n      *Node
	number uint64
	began  time.Time
	state  *leader.State // guarded by the replica's lock; its Clock never changes

	version atomic.Uint64 // that this term writes; see agreeOnVersion

	joining sync.Mutex // held while a newcomer is taken in

	packer    *packer
	confirmer *confirmer

	// waitsMu guards waits. It is never held while a wait is answered.
	waitsMu sync.Mutex
	waits   *leader.Waits
	earlier chan struct{} // holds a token when a wait may end sooner than awaited

	stop func() // ends the term and waits for all that runs for it
}

// barrierTimeout bounds how long a new leader waits for Raft to take its Barrier.
const barrierTimeout = 5 * time.Second

// lead follows Raft's word on leadership until ctx ends.
func (n *Node) lead(ctx context.Context) error {
	var t *term
	defer func() { t.end() }()
	watchdog := time.NewTicker(stallLimit / 10)
	defer watchdog.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case leading := <-n.raft.LeaderCh():
			// True after true means that a term was lost in between.
			t.end()
			t = nil
			if leading {
				t = n.startTerm(ctx)
			}
			n.routeChanged()
		case <-watchdog.C:
			switch stalled := n.stalled(); {
			case stalled && t != nil:
				n.log.Error("the disk hangs: this node gives up its leadership", "for", n.stores.writes.hanging())
				t.end()
				t = nil
				n.routeChanged()
			case !stalled && t == nil && n.raft.State() == raft.Leader:
				t = n.startTerm(ctx)
				n.routeChanged()
			}
		}
	}
}

// startTerm waits for a Barrier of its own, builds the book, opens the gate and
// starts the term's jobs. It returns nil where leadership went again meanwhile.
func (n *Node) startTerm(ctx context.Context) *term {
	number := n.raft.CurrentTerm()
	barrier := n.raft.Barrier(barrierTimeout)
	settled := make(chan error, 1)
	go func() { settled <- barrier.Error() }()
	select {
	case err := <-settled:
		if err != nil {
			n.log.Info("leadership went before it began", "term", number, "err", err)
			return nil
		}
	case <-ctx.Done():
		return nil
	case <-n.stallBegan():
		return nil
	}
	if n.raft.State() != raft.Leader || n.raft.CurrentTerm() != number {
		return nil
	}
	t := &term{n: n, number: number, began: time.Now(), waits: leader.NewWaits(), earlier: make(chan struct{}, 1)}
	t.packer, t.confirmer = newPacker(t), newConfirmer(t)
	t.attach(barrier)
	t.agreeOnVersion()

	ctx, cancel := context.WithCancel(ctx)
	jobs, jobCtx := errgroup.WithContext(ctx)
	jobs.Go(func() error { return t.packer.run(jobCtx) })
	jobs.Go(func() error { return t.confirmer.run(jobCtx) })
	jobs.Go(func() error { return t.confirmer.beat(jobCtx) })
	jobs.Go(func() error { return t.runWaits(jobCtx) })
	jobs.Go(func() error { return t.keepRecords(jobCtx) })
	jobs.Go(func() error { return t.keepTime(jobCtx) })
	jobs.Go(func() error { return leader.Run(jobCtx, expirer{t}, n.log) })
	t.stop = func() {
		cancel()
		if err := jobs.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			n.fail(fmt.Errorf("a job of term %d failed: %w", number, err))
		}
	}
	n.term.Store(t)
	n.log.Info("leading", "term", number)
	return t
}

// attach builds the book and attaches the term to Apply in one critical
// section: no entry falls between what the book was built from and what it is
// told.
func (t *term) attach(barrier raft.Future) {
	r := t.n.replica
	r.mu.Lock()
	defer r.mu.Unlock()
	if b, ok := barrier.(interface{ Index() uint64 }); ok {
		r.move(b.Index()) // a Barrier never reaches Apply
	}
	t.state = leader.Begin(r.machine, t.n.now(), r.stamped)
	t.state.Renewed = t.n.metrics.margin.Observe
	r.term = t
}

// end closes the gate, ends the jobs and answers what still waits.
func (t *term) end() {
	if t == nil {
		return
	}
	t.n.term.Store(nil)
	t.stop()
	t.n.replica.mu.Lock()
	t.n.replica.term = nil
	t.n.replica.mu.Unlock()
	t.waitsMu.Lock()
	waiting := t.waits.Drain()
	t.waitsMu.Unlock()
	for _, w := range waiting {
		// The ticket may stand in the log: who asked asks the next leader.
		w.Respond(fsm.Reply{}, fsm.ErrUnknown)
	}
	t.n.log.Info("no longer leading", "term", t.number)
}

// stands reports whether this term still is the one that serves.
func (t *term) stands() bool {
	return t.n.term.Load() == t && t.n.raft.State() == raft.Leader && t.n.raft.CurrentTerm() == t.number
}

// applied brings the book up to date; the replica calls it under its lock.
func (t *term) applied(now time.Duration, out *fsm.Applied) {
	for _, late := range t.state.Applied(now, out) {
		t.n.metrics.lateness.Observe(late.Seconds())
	}
	t.n.metrics.observe(out.Events)
}

// expirer is a term as the job that proposes expiries uses it.
type expirer struct{ t *term }

func (l expirer) Due(most int) ([]fsm.Timer, time.Duration) {
	r := l.t.n.replica
	r.mu.Lock()
	defer r.mu.Unlock()
	now := l.t.n.now()
	due, next := l.t.state.Deadlines.Due(now, most)
	return due, next - now
}

func (l expirer) Undecided(ends []fsm.Timer) {
	r := l.t.n.replica
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range ends {
		l.t.state.Deadlines.Unmark(e)
	}
}

func (l expirer) Decide(ctx context.Context, ends []fsm.Timer) error {
	answers := make(chan error, len(ends))
	answer := func(_ fsm.Result, _ leader.Timing, err error) { answers <- err }
	proposals := make([]proposal, len(ends))
	for i, e := range ends {
		proposals[i] = proposal{command: e.Expire(), respond: answer}
	}
	l.t.packer.propose(proposals...)
	var failed error
	for range ends {
		// The packer answers everything before its term has ended.
		// Where one of them is unknown, all are: nothing may be taken back.
		if err := <-answers; err != nil && !errors.Is(failed, fsm.ErrUnknown) {
			failed = err
		}
	}
	return failed
}

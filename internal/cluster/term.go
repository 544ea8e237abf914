package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sync/errgroup"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// A term is one period of leadership of this node. It is the host of a leader.Term:
// everything that only a leader does runs on its context and ends with it.
type term struct {
	n      *Node
	number uint64
	began  time.Time
	leader *leader.Term

	joining sync.Mutex // held while a newcomer is taken in

	wake     [leader.Tasks]chan struct{} // each holds a token while its task is to run
	beats    chan struct{}               // holds a token while heartbeats are wanted
	inFlight sync.WaitGroup              // entries whose outcome is not known
	ended    <-chan struct{}             // closed when the term ends

	stop func() // ends the term and waits for all that runs for it
}

// barrierTimeout bounds how long a new leader waits for Raft to take its Barrier.
const barrierTimeout = 5 * time.Second

// lead begins and ends terms as Raft gains and loses leadership, until ctx ends.
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
			n.router.routeChanged()
		case <-watchdog.C:
			switch stalled := n.stalled(); {
			case stalled && t != nil:
				n.log.Error("the disk hangs: this node gives up its leadership", "for", n.store.Hanging())
				t.end()
				t = nil
				n.router.routeChanged()
			case !stalled && t == nil && n.raft.State() == raft.Leader:
				t = n.startTerm(ctx)
				n.router.routeChanged()
			}
		}
	}
}

// startTerm waits for a Barrier of its own, begins the leader's term, opens the gate and
// starts the term's jobs. It returns nil if leadership was lost again meanwhile.
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
	ctx, cancel := context.WithCancel(ctx)
	jobs, jobCtx := errgroup.WithContext(ctx)
	t := newTerm(n, number, jobCtx.Done())
	t.attach(barrier)
	t.agreeOnVersion()
	for task := range leader.Task(leader.Tasks) {
		jobs.Go(func() error { return t.run(jobCtx, task) })
	}
	jobs.Go(func() error { return t.beat(jobCtx) })
	jobs.Go(func() error { return t.keepRecords(jobCtx) })
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

func newTerm(n *Node, number uint64, ended <-chan struct{}) *term {
	t := &term{n: n, number: number, began: time.Now(), beats: make(chan struct{}, 1), ended: ended}
	for task := range t.wake {
		t.wake[task] = make(chan struct{}, 1)
	}
	return t
}

// attach begins the leader's term and attaches it to Apply in one critical section: no
// entry falls between what the deadlines were set from and what they are updated by.
func (t *term) attach(barrier raft.Future) {
	n, r := t.n, t.n.replica
	r.mu.Lock()
	defer r.mu.Unlock()
	if b, ok := barrier.(interface{ Index() uint64 }); ok {
		r.reached(b.Index()) // a Barrier never reaches Apply
	}
	t.leader = leader.Begin(leader.Config{
		Host: t, Number: t.number, Self: n.self.identity().ID(), Rounds: n.network.rounds, StampPause: n.cfg.stampPause,
	}, r.state)
	r.term = t
}

// end closes the gate, ends the jobs and answers what still waits.
func (t *term) end() {
	if t == nil {
		return
	}
	t.n.term.Store(nil)
	t.stop()
	t.leader.Close()
	t.inFlight.Wait()
	t.n.replica.mu.Lock()
	t.n.replica.term = nil
	t.n.replica.mu.Unlock()
	t.n.log.Info("no longer leading", "term", t.number)
}

// acked is called when a peer's answer may confirm a round.
func (n *Node) acked() {
	if t := n.term.Load(); t != nil {
		t.leader.Acked()
	}
}

// applied updates the deadlines; the replica calls it under its lock.
func (t *term) applied(out *fsm.Applied) {
	for _, late := range t.leader.Applied(t.n.replica.state.Machine, out) {
		t.n.metrics.Lateness.Observe(late.Seconds())
	}
	t.n.metrics.Observe(out.Events)
}

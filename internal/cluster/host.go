package cluster

import (
	"context"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/leader"
)

// Now returns the time on this node's monotonic clock.
func (t *term) Now() time.Duration { return t.n.now() }

// Wall returns the wall clock in Unix milliseconds.
func (t *term) Wall() int64 { return time.Now().UnixMilli() }

// View calls f with the replica under its lock.
func (t *term) View(f func(r *leader.Replica)) {
	r := t.n.replica
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.state)
}

// CommitIndex returns the newest index that Raft knows to be committed.
func (t *term) CommitIndex() uint64 { return t.n.raft.CommitIndex() }

// Leads reports whether this node serves in this term, and its Raft leads in it.
func (t *term) Leads(number uint64) bool {
	return t.n.term.Load() == t && t.n.raft.State() == raft.Leader && t.n.raft.CurrentTerm() == number
}

// Voters returns the IDs of the voters.
func (t *term) Voters() []string { return t.n.raft.voters() }

// Heartbeat asks for heartbeats now.
func (t *term) Heartbeat() { signal(t.beats) }

// Wake runs a task soon.
func (t *term) Wake(task leader.Task) { signal(t.wake[task]) }

// Go runs f in a goroutine.
func (t *term) Go(f func()) { go f() }

// Renewed counts a renewal.
func (t *term) Renewed(_ uint64, margin float64) { t.n.metrics.Margin.Observe(margin) }

// Report logs a failure that no caller receives.
func (t *term) Report(err error) { t.n.log.Warn("a task of the leader failed", "err", err) }

// signal puts a token into a channel of one, unless it has one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run runs a task when it is due or woken, until the term ends.
func (t *term) run(ctx context.Context, task leader.Task) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.wake[task]:
		case <-timer.C:
		}
		due := t.leader.Run(task)
		for due == leader.AtOnce && ctx.Err() == nil {
			due = t.leader.Run(task)
		}
		if due == leader.Idle {
			timer.Stop()
			continue
		}
		timer.Reset(max(0, due-t.n.now()))
	}
}

// beat makes Raft send the heartbeats that are wanted, until the term ends.
// VerifyLeader is only the trigger: its result is not used and may never come. It may
// block while Raft's main loop does, so one goroutine calls it and no task waits for it.
func (t *term) beat(ctx context.Context) error {
	asking := make(chan struct{}, 1)
	for {
		select {
		case <-t.beats:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case asking <- struct{}{}:
			go func() {
				_ = t.n.raft.VerifyLeader()
				<-asking
			}()
		default: // Raft has not taken the last one yet
		}
	}
}

package cluster

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

const (
	// maxChecks bounds what waits for one round.
	maxChecks = 65_536
	// nudge is how often a round that is not confirmed yet asks again.
	nudge = 50 * time.Millisecond
)

// confirmer answers checks, one round at a time; those that arrive meanwhile
// share the next one. Their Look is called under the replica's lock, their
// Respond outside of it.
type confirmer struct {
	t *term

	// mu guards the rest.
	mu      sync.Mutex
	waiting []leader.Check
	closed  bool
	more    chan struct{}

	wanted chan struct{} // holds a token while heartbeats are wanted
}

func newConfirmer(t *term) *confirmer {
	return &confirmer{t: t, more: make(chan struct{}, 1), wanted: make(chan struct{}, 1)}
}

// add queues a check; its Respond is called exactly once.
func (c *confirmer) add(k leader.Check) {
	c.mu.Lock()
	err := fsm.ErrNoLeader
	switch {
	case c.closed:
	case len(c.waiting) >= maxChecks:
		err = fsm.ErrOverloaded
	default:
		c.waiting = append(c.waiting, k)
		c.mu.Unlock()
		select {
		case c.more <- struct{}{}:
		default:
		}
		return
	}
	c.mu.Unlock()
	k.Respond(err)
}

func (c *confirmer) take() []leader.Check {
	c.mu.Lock()
	defer c.mu.Unlock()
	batch := c.waiting
	c.waiting = nil
	return batch
}

// run confirms until the term ends, then refuses what still waits.
func (c *confirmer) run(ctx context.Context) error {
	defer c.close()
	for {
		select {
		case <-c.more:
		case <-ctx.Done():
			return ctx.Err()
		}
		checks := c.take()
		if len(checks) == 0 {
			continue
		}
		batch := c.t.n.rounds.gather(checks)
		err := c.confirm(ctx, batch)
		if err == nil {
			c.t.n.replica.view(batch.Look)
		}
		batch.Respond(err)
	}
}

func (c *confirmer) close() {
	c.mu.Lock()
	c.closed = true
	waiting := c.waiting
	c.waiting = nil
	c.mu.Unlock()
	for _, k := range waiting {
		k.Respond(fsm.ErrNoLeader)
	}
}

// confirm waits until a batch's round is confirmed and this replica has applied
// what was committed when its checks arrived.
func (c *confirmer) confirm(ctx context.Context, batch leader.Batch) error {
	n := c.t.n
	ticker := time.NewTicker(nudge)
	defer ticker.Stop()
	for first := true; ; first = false {
		ok, moved := n.rounds.confirmed(c.t.number, batch.Round, n.voters(), n.identity().id())
		if ok {
			break
		}
		if first {
			c.verify()
		}
		select {
		case <-moved:
		case <-ticker.C:
			c.verify()
		case <-ctx.Done():
			return fsm.ErrNoLeader
		}
	}
	if !n.replica.reached(batch.Commit, ctx.Done()) || !c.t.stands() {
		return fsm.ErrNoLeader
	}
	return nil
}

// verify asks for heartbeats now.
func (c *confirmer) verify() {
	select {
	case c.wanted <- struct{}{}:
	default:
	}
}

// beat makes Raft send the heartbeats that are wanted, until the term ends.
// VerifyLeader is only the trigger: its verdict counts for nothing and may never
// come. Asking may block while Raft's main loop does, so one goroutine asks and
// nobody waits for it.
func (c *confirmer) beat(ctx context.Context) error {
	asking := make(chan struct{}, 1)
	for {
		select {
		case <-c.wanted:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case asking <- struct{}{}:
			go func() {
				_ = c.t.n.raft.VerifyLeader()
				<-asking
			}()
		default: // Raft has not taken the last one yet
		}
	}
}

// voters returns the IDs of the voters in the newest configuration.
func (n *Node) voters() []string {
	var ids []string
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		if s.Suffrage == raft.Voter {
			ids = append(ids, string(s.ID))
		}
	}
	return ids
}

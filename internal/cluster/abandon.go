package cluster

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// maxAbandons bounds the pending clean-ups. Without a clean-up, what was acquired ends at
// its deadline.
const maxAbandons = 4_096

// TicketGrace is how long a waiter is kept in the queue after its connection broke: a load
// balancer may have closed it, and the client sends the request again.
const TicketGrace = time.Duration(fsm.TicketGrace) * time.Millisecond

// clients are the calls of this node's clients, and the clean-ups after canceled ones.
type clients struct {
	calls   *leader.Caller
	queue   chan *fsm.CancelAcquire
	delayed atomic.Int64 // those that begin after TicketGrace
}

// AbandonLater is Abandon after TicketGrace. It has no effect on what the session has found
// again with another attempt until then.
func (n *Node) AbandonLater(cancels ...*fsm.CancelAcquire) {
	if n.clients.delayed.Add(1) > maxAbandons {
		n.clients.delayed.Add(-1)
		n.Abandon(cancels...)
		return
	}
	time.AfterFunc(TicketGrace, func() {
		n.clients.delayed.Add(-1)
		n.Abandon(cancels...)
	})
}

// Abandon releases what an acquire got, or cancels the queue, after its client has gone. It
// does not block. It does nothing during a shutdown: the client sends the request to
// another node with the same session.
func (n *Node) Abandon(cancels ...*fsm.CancelAcquire) {
	for _, leave := range cancels {
		if n.leaving.Load() || leave.AttemptID == (fsm.AttemptID{}) {
			return
		}
		select {
		case n.clients.queue <- leave:
		default:
			n.log.Warn("too many canceled acquires at once: one of them ends at its deadline")
		}
	}
}

const (
	cleaners       = 8
	cleanUpTimeout = 5 * time.Second
)

// cleanUp sends the commands of Abandon until ctx ends.
func (n *Node) cleanUp(ctx context.Context) error {
	work := make(chan struct{}, cleaners)
	for {
		select {
		case <-ctx.Done():
			for range cleaners {
				work <- struct{}{} // waits for those in progress
			}
			return ctx.Err()
		case leave := <-n.clients.queue:
			work <- struct{}{}
			go func() {
				defer func() { <-work }()
				ctx, cancel := context.WithTimeout(ctx, cleanUpTimeout)
				defer cancel()
				if _, err := n.Do(ctx, leave); err != nil {
					n.log.Debug("a clean-up was not confirmed", "err", err)
				}
			}()
		}
	}
}

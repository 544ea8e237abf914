package cluster

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// maxAbandons bounds the clean-ups that wait; beyond it, tickets end by their time.
const maxAbandons = 4_096

// TicketGrace is how long a place in a queue is kept for a client whose connection
// broke: a load balancer may have cut the request, and the client asks again.
const TicketGrace = time.Duration(fsm.TicketGrace) * time.Millisecond

// clients are the calls of this node's clients, and the clean-ups after those that are gone.
type clients struct {
	calls   *leader.Caller
	queue   chan *fsm.CancelAcquire
	delayed atomic.Int64 // those that begin after TicketGrace
}

// AbandonLater is Abandon after TicketGrace. What the session has found again by
// another attempt until then is not touched.
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

// Abandon gives back what an acquire got, or cancels the queue, after its client
// has gone. It does not block. A node that shuts down cleans nothing up: the
// client will ask another one with the same session.
func (n *Node) Abandon(cancels ...*fsm.CancelAcquire) {
	for _, leave := range cancels {
		if n.leaving.Load() || leave.AttemptID == (fsm.AttemptID{}) {
			return
		}
		select {
		case n.clients.queue <- leave:
		default:
			n.log.Warn("too many clients went at once: what one acquired will end by its time")
		}
	}
}

const (
	cleaners       = 8
	cleanUpTimeout = 5 * time.Second
)

// cleanUp does what Abandon was told until ctx ends.
func (n *Node) cleanUp(ctx context.Context) error {
	work := make(chan struct{}, cleaners)
	for {
		select {
		case <-ctx.Done():
			for range cleaners {
				work <- struct{}{} // waits for those under way
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

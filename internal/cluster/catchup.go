package cluster

import (
	"context"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// catchUpPause is how often a node that has started looks whether it is there yet.
const catchUpPause = 50 * time.Millisecond

// catchUp returns when this node has applied all that was committed when it first
// reached a leader after its start. It is not ready before: whoever restarts nodes
// one after the other would else take away the next one that the cluster needs.
func (m *membership) catchUp(ctx context.Context) error {
	ticker := time.NewTicker(catchUpPause)
	defer ticker.Stop()
	var target *uint64
	for {
		if target == nil {
			target = m.committed(ctx)
		}
		if target != nil && m.n.Revision() >= *target {
			m.caughtUp.Store(true)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// committed asks the leader which revision is the newest; nil where none answers.
func (m *membership) committed(ctx context.Context) *uint64 {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	a, err := m.n.Query(ctx, fsm.Query{Kind: fsm.QueryList, Limit: 1}, false)
	if err != nil {
		return nil
	}
	return &a.Revision
}

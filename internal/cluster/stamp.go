package cluster

import (
	"context"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// stampPause is how old the last stamp gets on a leader while a deadline goes by
// the cluster's clock. A restart of all nodes, or of the node that leads next,
// costs at most so much of it, beside the outage.
const stampPause = 30 * time.Second

// keepTime writes a stamp into the log where nothing else does, and where that
// matters: short TTLs begin anew with a leader and need none, so that a cluster
// of short holds writes nothing.
func (t *term) keepTime(ctx context.Context) error {
	ticker := time.NewTicker(t.n.cfg.stampPause / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		if !t.stampDue(t.n.cfg.stampPause) {
			continue
		}
		if _, err := t.propose(&fsm.Stamp{}); err != nil {
			t.n.log.Debug("the time was not written", "err", err)
		}
	}
}

// stampDue reports whether the last stamp is older than a pause, and is needed.
func (t *term) stampDue(pause time.Duration) bool {
	r := t.n.replica
	r.mu.Lock()
	defer r.mu.Unlock()
	return t.state.Deadlines.Stamped() && t.n.now()-r.stamped >= pause
}

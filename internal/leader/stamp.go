package leader

import (
	"fmt"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// StampPause is how old the last stamp gets on a leader while a deadline goes by the
// cluster's clock. A restart of all nodes, or of the node that leads next, costs at most
// this much of such a deadline, in addition to the outage.
const StampPause = 30 * time.Second

// stamp writes a stamp into the log if nothing else writes one and a deadline needs it.
// Short TTLs begin again with a new leader and need none, so a cluster of short holds
// writes nothing.
func (t *Term) stamp() (due time.Duration) {
	now := t.host.Now()
	if t.beginStamp(now) {
		t.log(&fsm.Stamp{}, now, func(_ fsm.Reply, err error) {
			t.host.View(func(*Replica) { t.stamping = false })
			if err != nil && !t.closed.Load() {
				t.host.Report(fmt.Errorf("the time was not written: %w", err))
			}
		})
	}
	return now + t.stampPause/4
}

func (t *Term) beginStamp(now time.Duration) (begin bool) {
	t.host.View(func(r *Replica) {
		begin = !t.stamping && t.state.deadlines.Stamped() && now-r.Stamped >= t.stampPause
		t.stamping = t.stamping || begin
	})
	return begin
}

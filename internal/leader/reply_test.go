package leader

import (
	"testing"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// A refusal shows the lease at the revision of the refusal. A watch from that revision
// receives what changed later, also in the same entry.
func TestARefusalIsOfTheRevisionThatItShows(t *testing.T) {
	m := fsm.New()
	r := newState(m, 0, 0)
	apply := func(commands ...fsm.Command) *fsm.Applied {
		return m.Apply(1, &fsm.Entry{Version: 1, Term: 1, Commands: commands})
	}
	holder, other := "session-of-the-holder", "session-of-another"
	granted := apply(&fsm.Acquire{Name: "l", Holder: "a", Session: holder, TTL: 1_000, Limit: 1}).Results[0]
	out := apply(
		&fsm.Acquire{Name: "l", Holder: "b", Session: other, TTL: 1_000, Limit: 1},
		&fsm.AcquireAll{Names: []string{"k", "l"}, Holder: "b", Session: other, TTL: 1_000},
		&fsm.Release{Name: "l", Session: holder, Token: granted.Hold.Token},
	)
	for i, res := range out.Results[:2] {
		reply := r.reply(m, time.Second, res, timing{})
		views := reply.Blocking
		if reply.View != nil {
			views = append(views, reply.View)
		}
		if len(views) != 1 {
			t.Fatalf("answer %d shows %d leases", i, len(views))
		}
		if v := views[0]; v.Revision != res.Revision || v.Revision != granted.Revision || len(v.Lease.Holds) != 1 {
			t.Errorf("answer %d is of revision %d and shows %d holders as of %d", i, res.Revision, len(v.Lease.Holds), v.Revision)
		}
	}
}

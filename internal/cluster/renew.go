package cluster

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// renew answers a renewal, or a refusal of one, from the applied state once a
// quorum has confirmed the term; false where it has to go through the log.
func (t *term) renew(c *fsm.Renew, arrival time.Duration, respond func(fsm.Reply, error)) bool {
	return t.unlogged(
		func(m *fsm.Machine, now time.Duration) bool { return t.state.Unlogged(m, now, c) },
		func(m *fsm.Machine, now time.Duration) (fsm.Reply, bool) {
			return t.state.Confirmed(m, now, arrival, c)
		},
		c, arrival, respond)
}

// renewSession is renew for all that a session holds.
func (t *term) renewSession(c *fsm.RenewSession, arrival time.Duration, respond func(fsm.Reply, error)) bool {
	return t.unlogged(
		func(m *fsm.Machine, now time.Duration) bool { return t.state.UnloggedSession(m, now, c) },
		func(m *fsm.Machine, now time.Duration) (fsm.Reply, bool) {
			return t.state.ConfirmedSession(m, now, arrival, c)
		},
		c, arrival, respond)
}

// unlogged takes a renewal past the log if it may go there now, and looks at it
// again when its round is confirmed: then it may have to go through the log after all.
func (t *term) unlogged(
	may func(m *fsm.Machine, now time.Duration) bool,
	confirmed func(m *fsm.Machine, now time.Duration) (reply fsm.Reply, logged bool),
	c fsm.Command, arrival time.Duration, respond func(fsm.Reply, error),
) bool {
	ok := false
	t.n.replica.view(func(m *fsm.Machine) { ok = may(m, t.n.now()) })
	if !ok {
		return false
	}
	var reply fsm.Reply
	var logged bool
	t.confirmer.add(leader.Check{
		Commit: t.n.raft.CommitIndex(),
		Look:   func(m *fsm.Machine) { reply, logged = confirmed(m, t.n.now()) },
		Respond: func(err error) {
			if err == nil && logged {
				t.log(c, arrival, respond)
				return
			}
			respond(reply, err)
		},
	})
	return true
}

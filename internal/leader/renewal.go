package leader

import (
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

// renew answers a renewal, or refuses it, from the applied state once a quorum has
// confirmed the term. It returns false if the renewal has to go through the log.
func (t *Term) renew(c *fsm.Renew, arrival time.Duration, respond func(fsm.Reply, error)) bool {
	return t.renewUnlogged(
		func(m *fsm.Machine, now time.Duration) bool { return t.state.beginRenew(m, now, c) },
		func(m *fsm.Machine, now time.Duration) (fsm.Reply, bool) {
			return t.state.confirmRenew(m, now, arrival, c)
		},
		c, arrival, respond)
}

// renewSession is renew for all that a session holds.
func (t *Term) renewSession(c *fsm.RenewSession, arrival time.Duration, respond func(fsm.Reply, error)) bool {
	return t.renewUnlogged(
		func(m *fsm.Machine, now time.Duration) bool { return t.state.beginRenewSession(m, now, c) },
		func(m *fsm.Machine, now time.Duration) (fsm.Reply, bool) {
			return t.state.confirmRenewSession(m, now, arrival, c)
		},
		c, arrival, respond)
}

// renewUnlogged renews without a log entry if that is allowed now, and looks at the
// renewal again when its round is confirmed: it may have to go through the log then. If
// callers need credentials, every renewal is looked at: an entry that was committed and
// is not applied here may have revoked that of the caller.
func (t *Term) renewUnlogged(
	allowed func(m *fsm.Machine, now time.Duration) bool,
	confirmed func(m *fsm.Machine, now time.Duration) (reply fsm.Reply, logged bool),
	c fsm.Command, arrival time.Duration, respond func(fsm.Reply, error),
) bool {
	unlogged, guards := false, false
	t.host.View(func(r *Replica) { unlogged, guards = allowed(r.Machine, t.host.Now()), r.Machine.Guards() })
	if !unlogged && !guards {
		return false
	}
	var reply fsm.Reply
	var logged, changed bool
	t.confirmer.add(check{
		commit: t.host.CommitIndex(),
		look: func(m *fsm.Machine) {
			// A credential that was revoked before the request arrived is known now, also if it was not then. The same is
			// true of what its session holds now, and of which of it the caller has the right to.
			if m.Guards() {
				admitted, o := admit(m, c, t.host.Wall())
				if o != access.Done {
					reply.Code, reply.Revision, reply.Outcome = fsm.CodeAccessRefused, m.Revision(), o
					return
				}
				if changed = admitted != c || m.Foreign(c); changed {
					return
				}
			}
			if logged = !unlogged; unlogged {
				reply, logged = confirmed(m, t.host.Now())
			}
		},
		respond: func(err error) {
			switch {
			case err == nil && changed:
				t.submitGuarded(c, arrival, respond)
			case err == nil && logged:
				t.log(c, arrival, respond)
			default:
				respond(reply, err)
			}
		},
	})
	return true
}

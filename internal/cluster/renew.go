package cluster

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// unlogged reports whether a renewal needs no entry: it changes nothing, its
// TTL is short, and its end was not proposed. A refusal needs none either. The
// deadline of a hold that will be renewed is raised at once: nothing can then
// end it before the quorum has spoken, and where the quorum does not, the raise
// was harmless.
func (t *term) unlogged(c *fsm.Renew) bool {
	r := t.n.replica
	r.mu.Lock()
	defer r.mu.Unlock()
	h, code := r.machine.Lease(c.Name).Held(c.Session, c.Token)
	if code != fsm.CodeOK {
		return true
	}
	if h.TTL > fsm.ShortTTL || c.TTL != 0 && c.TTL != h.TTL || c.Meta != nil && *c.Meta != h.Meta {
		return false
	}
	return t.raise(t.n.now(), h)
}

// raise renews a hold in the book. The caller holds the replica's lock.
func (t *term) raise(now time.Duration, h *fsm.Hold) bool {
	margin, ok := t.book.Renew(now, h.Token)
	if ok {
		t.n.metrics.margin.Observe(margin)
	}
	return ok
}

// renew answers a renewal from the applied state once a quorum has confirmed
// the term.
func (t *term) renew(c *fsm.Renew, arrival time.Duration, respond func(fsm.Reply, error)) {
	var reply fsm.Reply
	var logged bool
	t.confirmer.add(check{
		commit: t.n.raft.CommitIndex(),
		look: func(m *fsm.Machine) {
			reply, logged = t.renewed(m, c, arrival)
		},
		respond: func(err error) {
			if err == nil && logged {
				t.log(c, arrival, respond)
				return
			}
			respond(reply, err)
		},
	})
}

// renewed looks a renewal's hold up again. Logged is true where it has to go
// through the log after all: its end was proposed meanwhile, or its TTL has grown.
func (t *term) renewed(m *fsm.Machine, c *fsm.Renew, arrival time.Duration) (reply fsm.Reply, logged bool) {
	l := m.Lease(c.Name)
	h, code := l.Held(c.Session, c.Token)
	reply.Code, reply.Revision = code, m.Revision()
	if code != fsm.CodeOK {
		reply.Lease = l
		reply.View = t.show(l, t.n.now(), fsm.MaxShown)
		return reply, false
	}
	if _, ok := t.book.Renew(arrival, h.Token); !ok || h.TTL > fsm.ShortTTL {
		return fsm.Reply{}, true
	}
	reply.Hold, reply.Now = h, t.clock.cluster(t.n.now())
	reply.Waited, reply.ExpiresIn = promise(arrival, arrival, h.TTL)
	return reply, false
}

// unloggedSession is unlogged for all that a session holds.
func (t *term) unloggedSession(c *fsm.RenewSession) bool {
	r := t.n.replica
	r.mu.Lock()
	defer r.mu.Unlock()
	now := t.n.now()
	for _, h := range r.machine.HeldBy(c.Session, c.Only) {
		if h.Hold.TTL > fsm.ShortTTL || !t.raise(now, h.Hold) {
			return false
		}
	}
	return true
}

// renewSession is renew for all that a session holds.
func (t *term) renewSession(c *fsm.RenewSession, arrival time.Duration, respond func(fsm.Reply, error)) {
	var reply fsm.Reply
	var logged bool
	t.confirmer.add(check{
		commit: t.n.raft.CommitIndex(),
		look: func(m *fsm.Machine) {
			reply, logged = t.renewedSession(m, c, arrival)
		},
		respond: func(err error) {
			if err == nil && logged {
				t.log(c, arrival, respond)
				return
			}
			respond(reply, err)
		},
	})
}

func (t *term) renewedSession(m *fsm.Machine, c *fsm.RenewSession, arrival time.Duration) (reply fsm.Reply, logged bool) {
	reply.Code, reply.Revision, reply.Now = fsm.CodeNotHolder, m.Revision(), t.clock.cluster(t.n.now())
	for _, h := range m.HeldBy(c.Session, c.Only) {
		if _, ok := t.book.Renew(arrival, h.Hold.Token); !ok || h.Hold.TTL > fsm.ShortTTL {
			return fsm.Reply{}, true
		}
		reply.Code = fsm.CodeOK
		_, expires := promise(arrival, arrival, h.Hold.TTL)
		reply.Holds = append(reply.Holds, h)
		reply.Expiries = append(reply.Expiries, expires)
	}
	return reply, false
}

package leader

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// beginRenew reports whether a renewal needs no entry: it changes nothing, its TTL is
// short, and its end was not proposed. A refusal needs none either. The deadline of a hold
// that will be renewed is raised at once: nothing can then end it before a quorum has
// confirmed the term, and if no quorum does, the raise was harmless.
func (s *termState) beginRenew(m *fsm.Machine, now time.Duration, c *fsm.Renew) bool {
	h, code := fsm.FindHold(m.Lease(c.Name), sessionIn(m, c.Session), c.Token)
	if code != fsm.CodeOK {
		return true
	}
	if h.TTL > fsm.ShortTTL || c.TTL != 0 && c.TTL != h.TTL || c.Meta != nil && *c.Meta != h.Meta {
		return false
	}
	return s.raise(now, h)
}

// beginRenewSession is beginRenew for all that a session holds.
func (s *termState) beginRenewSession(m *fsm.Machine, now time.Duration, c *fsm.RenewSession) bool {
	for _, h := range m.HeldBy(sessionIn(m, c.Session), c.Only) {
		if h.Hold.TTL > fsm.ShortTTL || !s.raise(now, h.Hold) {
			return false
		}
	}
	return true
}

func (s *termState) raise(now time.Duration, h *fsm.Hold) bool {
	margin, ok := s.deadlines.Renew(now, h.Token)
	if ok {
		s.renewed(h.Token, margin)
	}
	return ok
}

// confirmRenew answers a renewal whose round is confirmed, from what is applied now. Logged
// is true if it has to go through the log after all: its end was proposed meanwhile, or
// its TTL has grown.
func (s *termState) confirmRenew(m *fsm.Machine, now, arrival time.Duration, c *fsm.Renew) (reply fsm.Reply, logged bool) {
	l := m.Lease(c.Name)
	h, code := fsm.FindHold(l, sessionIn(m, c.Session), c.Token)
	reply.Code, reply.Revision = code, m.Revision()
	if code != fsm.CodeOK {
		reply.Lease = l
		reply.View = s.view(m, l, now, fsm.MaxShown)
		return reply, false
	}
	if _, ok := s.deadlines.Renew(arrival, h.Token); !ok || h.TTL > fsm.ShortTTL {
		return fsm.Reply{}, true
	}
	reply.Hold, reply.Now = h, s.clock.cluster(now)
	reply.Waited, reply.ExpiresIn = promise(arrival, arrival, h.TTL)
	return reply, false
}

// confirmRenewSession is confirmRenew for all that a session holds.
func (s *termState) confirmRenewSession(m *fsm.Machine, now, arrival time.Duration, c *fsm.RenewSession) (reply fsm.Reply, logged bool) {
	reply.Code, reply.Revision, reply.Now = fsm.CodeNotHolder, m.Revision(), s.clock.cluster(now)
	for _, h := range m.HeldBy(sessionIn(m, c.Session), c.Only) {
		if _, ok := s.deadlines.Renew(arrival, h.Hold.Token); !ok || h.Hold.TTL > fsm.ShortTTL {
			return fsm.Reply{}, true
		}
		reply.Code = fsm.CodeOK
		_, expires := promise(arrival, arrival, h.Hold.TTL)
		reply.Holds = append(reply.Holds, h)
		reply.Expiries = append(reply.Expiries, expires)
	}
	return reply, false
}

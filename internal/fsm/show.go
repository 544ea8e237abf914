package fsm

import (
	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/outcome"
)

// refuse returns the refusal of a command for one lease.
func refuse(code Code, l *Lease) Result { return Result{Code: code, Lease: l} }

// Show returns the view of a lease, with at most so many holders and waiters in addition to
// their numbers. The leader adds the fields that it alone knows.
func (m *Machine) Show(l *Lease, most int) *View {
	v := &View{Lease: l, Revision: m.revision, Now: m.now, Holders: len(l.Holds), Waiters: len(l.Queue)}
	if len(l.Holds) > most || len(l.Queue) > most {
		l = l.Edit()
		l.Holds = l.Holds[:min(most, len(l.Holds))]
		l.Queue = l.Queue[:min(most, len(l.Queue))]
		v.Lease = l
	}
	return v
}

// OwnOf returns what a session has of a lease: its hold, its place in the queue, or when these ended.
func OwnOf(m *Machine, name, session string) (own outcome.Own) {
	if session == "" {
		return own
	}
	session = access.SealSession(m.salt, session)
	l := m.Lease(name)
	switch h := l.HoldOf(session); {
	case h != nil && h.Break != nil:
		own.Last = h.Token // its renewals are refused
	case h != nil:
		own.Token = h.Token
	}
	if p := l.History.Previous(); p.Session == session {
		own.Last = p.Token
	}
	own.Position = l.Place(session) + 1
	if end, ok := m.ends.get(sessionName{session, name}); ok {
		own.Ended = end.revision
	}
	return own
}

package fsm

import (
	"github.com/tidwall/btree"

	"github.com/lockd/lockd/internal/fsm/lease"
)

// sessionName is one name of one session.
type sessionName struct{ session, name string }

// sessions is the index from sessions to the names that they hold or wait for.
type sessions struct {
	names *btree.BTreeG[sessionName]
	many  map[string]int // number of names of each session with more than one; never iterated
}

func newSessions() sessions {
	return sessions{
		names: tree(func(a, b sessionName) bool {
			return a.session < b.session || a.session == b.session && a.name < b.name
		}),
		many: make(map[string]int),
	}
}

func tree[T any](less func(a, b T) bool) *btree.BTreeG[T] {
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
}

func (s *sessions) add(session, name string) {
	if before := s.count(session); before > 0 {
		s.many[session] = before + 1
	}
	s.names.Set(sessionName{session, name})
}

func (s *sessions) remove(session, name string) {
	s.names.Delete(sessionName{session, name})
	if s.many[session]--; s.many[session] <= 1 {
		delete(s.many, session)
	}
}

// count returns how many names a session has. The map leaves out sessions with one name:
// most have one, and a lookup costs less than their entries.
func (s *sessions) count(session string) (count int) {
	if many := s.many[session]; many > 0 {
		return many
	}
	s.names.Ascend(sessionName{session: session}, func(n sessionName) bool {
		if n.session == session {
			count = 1
		}
		return false
	})
	return count
}

// of returns the names of a session, in order.
func (s *sessions) of(session string) []string {
	names := make([]string, 0, s.count(session))
	s.names.Ascend(sessionName{session: session}, func(n sessionName) bool {
		if n.session != session {
			return false
		}
		names = append(names, n.name)
		return true
	})
	return names
}

// rebuild builds the index from the leases.
func (s *sessions) rebuild(leases *lease.Table) {
	*s = newSessions()
	leases.Scan(func(l *Lease) bool {
		for _, h := range l.Holds {
			s.add(h.Session, l.Name)
		}
		for _, t := range l.Queue {
			s.add(t.Session, l.Name)
		}
		return true
	})
}

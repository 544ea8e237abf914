package cluster

import (
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/leader"
)

// statePage is how many leases a State returns at once.
const statePage = 256

// A State is this node's leases at one revision, in pages. It is for one goroutine.
type State struct {
	leases   *fsm.Leases // nil: view is all
	view     *fsm.View
	revision uint64
	now      fsm.Millis
	prefix   string
	after    string
}

// State returns this node's leases of a name, or, if that is empty, of a prefix. A name always has one.
func (n *Node) State(name, prefix string) *State {
	s := &State{prefix: prefix}
	n.replica.view(func(m *fsm.Machine) {
		s.revision, s.now = m.Revision(), n.replica.clusterNow()
		if name == "" {
			s.leases = m.Leases()
			return
		}
		s.view = m.Show(m.Lease(name), leader.MaxShown)
		s.view.Now = s.now
	})
	return s
}

// Revision returns the revision at which the state is true.
func (s *State) Revision() uint64 { return s.revision }

// Next returns the next page, and whether another one follows it.
func (s *State) Next() (page []*fsm.View, more bool) {
	if s.leases == nil {
		return []*fsm.View{s.view}, false
	}
	leases, next := s.leases.Page(fsm.Selection{Prefix: s.prefix}, s.after, statePage)
	for _, l := range leases {
		page = append(page, &fsm.View{
			Lease: l, Revision: s.revision, Now: s.now, Holders: len(l.Holds), Waiters: len(l.Queue),
		})
	}
	s.after = next
	return page, next != ""
}

// Object returns this node's version of an object of the Kubernetes API, or nil.
func (n *Node) Object(k document.Key) (d *document.Document) {
	n.replica.view(func(m *fsm.Machine) { d = fsm.Documents(m).Get(k) })
	return d
}

// Objects returns this node's objects of the Kubernetes API, and the revision at which that is true. Later changes do not
// affect them.
func (n *Node) Objects() (objects *document.Table, revision uint64) {
	n.replica.view(func(m *fsm.Machine) { objects, revision = fsm.Documents(m).Copy(), m.Revision() })
	return objects, revision
}

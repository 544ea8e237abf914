package leader

import (
	"sync"

	"github.com/lockd/lockd/internal/fsm"
)

// maxChanges bounds how many changes of access wait.
const maxChanges = 1_024

// changes lets one change of access at a time through a term. Each is checked by the state that all before it have left,
// so nothing comes between the check and the change.
type changes struct {
	mu      sync.Mutex
	running bool
	waiting []func()
}

// do calls begin when no other change is on its way. The change is on its way until done is called. If too many wait,
// do returns fsm.ErrOverloaded.
func (s *changes) do(begin func()) error {
	s.mu.Lock()
	switch {
	case s.running && len(s.waiting) >= maxChanges:
		s.mu.Unlock()
		return fsm.ErrOverloaded
	case s.running:
		s.waiting = append(s.waiting, begin)
		s.mu.Unlock()
		return nil
	}
	s.running = true
	s.mu.Unlock()
	begin()
	return nil
}

// done begins the next change.
func (s *changes) done() {
	s.mu.Lock()
	var next func()
	if len(s.waiting) > 0 {
		next, s.waiting = s.waiting[0], s.waiting[1:]
	} else {
		s.running = false
	}
	s.mu.Unlock()
	if next != nil {
		next()
	}
}

func (s *changes) pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

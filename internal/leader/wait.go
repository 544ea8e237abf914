package leader

import (
	"sync"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// waiters are the acquires of one term that wait.
type waiters struct {
	t *Term

	// mu guards the rest. It is not held while a wait is answered.
	mu     sync.Mutex
	table  *waitTable
	closed bool
}

// submit answers an acquire that may queue. The wait is in the table before the acquire is
// proposed, so that a grant finds it however soon it comes.
func (s *waiters) submit(c *fsm.Acquire, arrival time.Duration, respond func(fsm.Reply, error)) {
	w := newWait(c, arrival, respond)
	superseded, queued, err := s.add(w)
	if err != nil {
		respond(fsm.Reply{}, err)
		return
	}
	if superseded != nil {
		s.supersede(superseded, queued)
	}
	s.t.log(c, arrival, func(r fsm.Reply, err error) {
		if err == nil && r.Code == fsm.CodeQueued {
			s.queued(w) // a grant or the end of the wait answers
			return
		}
		s.settle(w, r, err)
	})
}

// add enters a wait, and returns the one of the same session that it replaces.
func (s *waiters) add(w *wait) (superseded *wait, queued bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, false, fsm.ErrNoLeader
	case s.table.len() >= maxWaits:
		return nil, false, fsm.ErrOverloaded
	}
	superseded = s.table.add(w)
	return superseded, superseded != nil && superseded.queued, nil
}

// supersede answers a wait whose session has sent another acquire for the name: like a
// refusal, once the term is confirmed. If the wait's own acquire is on its way into the
// log, its outcome is unknown.
func (s *waiters) supersede(w *wait, queued bool) {
	if !queued {
		w.respond(fsm.Reply{}, fsm.ErrUnknown)
		return
	}
	t := s.t
	var reply fsm.Reply
	t.confirmer.add(check{
		commit: t.host.CommitIndex(),
		look:   func(m *fsm.Machine) { reply = t.state.replyToSuperseded(m, t.host.Now(), w) },
		respond: func(err error) {
			if err != nil {
				err = fsm.ErrUnknown // its ticket may be in the queue
			}
			w.respond(reply, err)
		},
	})
}

// seal seals the sessions of the waits: the machine has sealed its own.
func (s *waiters) seal(salt string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table.seal(salt)
}

// queued lets a wait run out: its ticket is in the queue.
func (s *waiters) queued(w *wait) {
	s.mu.Lock()
	s.table.queue(w)
	s.mu.Unlock()
	s.t.host.Wake(EndWaits)
}

// settle answers a wait, unless it was answered already.
func (s *waiters) settle(w *wait, r fsm.Reply, err error) {
	s.mu.Lock()
	there := s.table.remove(w)
	s.mu.Unlock()
	if there {
		w.respond(r, err)
	}
}

// granted answers the waits that the grants of an entry fulfil.
func (s *waiters) granted(stamp fsm.Millis, grants []fsm.Grant) {
	for _, g := range grants {
		s.mu.Lock()
		w := s.table.granted(g)
		s.mu.Unlock()
		if w != nil {
			w.respond(s.t.state.replyToGranted(w, stamp, g), nil)
		}
	}
}

// departed ends the waits whose sessions have left the queue.
func (s *waiters) departed(departures []fsm.Departure) {
	for _, d := range departures {
		now := s.t.host.Now()
		s.mu.Lock()
		ends := s.table.departed(d, now)
		s.mu.Unlock()
		if ends {
			s.t.host.Wake(EndWaits)
		}
	}
}

// run ends the waits that have run out.
func (s *waiters) run() (due time.Duration) {
	now := s.t.host.Now()
	s.mu.Lock()
	over, next, ok := s.table.due(now)
	s.mu.Unlock()
	for _, w := range over {
		s.endWait(w)
	}
	if !ok {
		return Idle
	}
	return next
}

// endWait proposes the end of a wait that has run out. Its ticket is in the queue: if
// the end is certainly not applied, the session may still be granted the lease.
func (s *waiters) endWait(w *wait) {
	s.t.log(w.endCommand(), w.arrival, func(r fsm.Reply, err error) {
		if err != nil {
			err = fsm.ErrUnknown
		}
		s.settle(w, r, err)
	})
}

// close answers the waits of a term that has ended. Their tickets are in the queue:
// the caller asks the next leader.
func (s *waiters) close() {
	s.mu.Lock()
	s.closed = true
	waiting := s.table.drain()
	s.mu.Unlock()
	for _, w := range waiting {
		w.respond(fsm.Reply{}, fsm.ErrUnknown)
	}
}

func (s *waiters) pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.len()
}

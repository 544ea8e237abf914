package leader

import (
	"sync"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// waiters are the acquires of one term that wait.
type waiters struct {
	mu     sync.Mutex // guards the rest; it is not held while a wait is answered
	table  *Waits
	closed bool
}

// wait answers an acquire that may queue. The wait is in the table before the acquire is
// proposed, so that a grant finds it however soon it comes.
func (t *Term) wait(c *fsm.Acquire, arrival time.Duration, respond func(fsm.Reply, error)) {
	w := &Wait{
		Name: c.Name, Session: c.Session, Attach: c.Attach, Arrival: arrival,
		End: arrival + duration(c.Wait), Respond: respond,
	}
	superseded, queued, err := t.waiters.add(w)
	if err != nil {
		respond(fsm.Reply{}, err)
		return
	}
	if superseded != nil {
		t.supersede(superseded, queued)
	}
	t.log(c, arrival, func(r fsm.Reply, err error) {
		if err == nil && r.Code == fsm.CodeQueued {
			t.queued(w) // a grant or the end of the wait answers
			return
		}
		t.settle(w, r, err)
	})
}

// add enters a wait, and returns the one of the same session that it replaces.
func (s *waiters) add(w *Wait) (superseded *Wait, queued bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, false, fsm.ErrNoLeader
	case s.table.Len() >= MaxWaits:
		return nil, false, fsm.ErrOverloaded
	}
	superseded = s.table.Add(w)
	return superseded, superseded != nil && superseded.Queued(), nil
}

// supersede answers a wait whose session has sent another acquire for the name: like a
// refusal, once the term is confirmed. If the wait's own acquire is on its way into the
// log, its outcome is unknown.
func (t *Term) supersede(w *Wait, queued bool) {
	if !queued {
		w.Respond(fsm.Reply{}, fsm.ErrUnknown)
		return
	}
	var reply fsm.Reply
	t.confirmer.add(check{
		commit: t.host.CommitIndex(),
		look:   func(m *fsm.Machine) { reply = t.state.Elsewhere(m, t.host.Now(), w) },
		respond: func(err error) {
			if err != nil {
				err = fsm.ErrUnknown // its ticket may be in the queue
			}
			w.Respond(reply, err)
		},
	})
}

// queued lets a wait run out: its ticket is in the queue.
func (t *Term) queued(w *Wait) {
	t.waiters.mu.Lock()
	t.waiters.table.Queued(w)
	t.waiters.mu.Unlock()
	t.host.Wake(EndWaits)
}

// settle answers a wait, unless it was answered already.
func (t *Term) settle(w *Wait, r fsm.Reply, err error) {
	t.waiters.mu.Lock()
	there := t.waiters.table.Remove(w)
	t.waiters.mu.Unlock()
	if there {
		w.Respond(r, err)
	}
}

// granted answers the waits that the grants of an entry fulfil.
func (t *Term) granted(stamp fsm.Millis, grants []fsm.Grant) {
	for _, g := range grants {
		t.waiters.mu.Lock()
		w := t.waiters.table.Granted(g)
		t.waiters.mu.Unlock()
		if w != nil {
			w.Respond(t.state.Granted(w, stamp, g), nil)
		}
	}
}

// departed ends the waits whose sessions have left the queue.
func (t *Term) departed(departures []fsm.Departure) {
	for _, d := range departures {
		t.waiters.mu.Lock()
		ends := t.waiters.table.Departed(d, t.host.Now())
		t.waiters.mu.Unlock()
		if ends {
			t.host.Wake(EndWaits)
		}
	}
}

// endWaits ends the waits that have run out.
func (t *Term) endWaits() (due time.Duration) {
	t.waiters.mu.Lock()
	over, next, ok := t.waiters.table.Due(t.host.Now())
	t.waiters.mu.Unlock()
	for _, w := range over {
		t.endWait(w)
	}
	if !ok {
		return Idle
	}
	return next
}

// endWait proposes the end of a wait that has run out. Its ticket is in the queue: if
// the end is certainly not applied, the session may still be granted the lease.
func (t *Term) endWait(w *Wait) {
	t.log(w.Park(), w.Arrival, func(r fsm.Reply, err error) {
		if err != nil {
			err = fsm.ErrUnknown
		}
		t.settle(w, r, err)
	})
}

// closeWaits answers the waits of a term that has ended. Their tickets are in the queue:
// the caller asks the next leader.
func (t *Term) closeWaits() {
	t.waiters.mu.Lock()
	t.waiters.closed = true
	waiting := t.waiters.table.Drain()
	t.waiters.mu.Unlock()
	for _, w := range waiting {
		w.Respond(fsm.Reply{}, fsm.ErrUnknown)
	}
}

func (s *waiters) pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.Len()
}

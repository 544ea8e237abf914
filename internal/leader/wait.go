package leader

import (
	"sync"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// waiters are the acquires of one term that wait.
type waiters struct {
	mu     sync.Mutex // guards the rest; it is not held while a wait is answered
	table  *waitTable
	closed bool
}

// wait answers an acquire that may queue. The wait is in the table before the acquire is
// proposed, so that a grant finds it however soon it comes.
func (t *Term) wait(c *fsm.Acquire, arrival time.Duration, respond func(fsm.Reply, error)) {
	w := newWait(c, arrival, respond)
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
func (t *Term) supersede(w *wait, queued bool) {
	if !queued {
		w.respond(fsm.Reply{}, fsm.ErrUnknown)
		return
	}
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

// queued lets a wait run out: its ticket is in the queue.
func (t *Term) queued(w *wait) {
	t.waiters.mu.Lock()
	t.waiters.table.queue(w)
	t.waiters.mu.Unlock()
	t.host.Wake(EndWaits)
}

// settle answers a wait, unless it was answered already.
func (t *Term) settle(w *wait, r fsm.Reply, err error) {
	t.waiters.mu.Lock()
	there := t.waiters.table.remove(w)
	t.waiters.mu.Unlock()
	if there {
		w.respond(r, err)
	}
}

// granted answers the waits that the grants of an entry fulfil.
func (t *Term) granted(stamp fsm.Millis, grants []fsm.Grant) {
	for _, g := range grants {
		t.waiters.mu.Lock()
		w := t.waiters.table.granted(g)
		t.waiters.mu.Unlock()
		if w != nil {
			w.respond(t.state.replyToGranted(w, stamp, g), nil)
		}
	}
}

// departed ends the waits whose sessions have left the queue.
func (t *Term) departed(departures []fsm.Departure) {
	for _, d := range departures {
		t.waiters.mu.Lock()
		ends := t.waiters.table.departed(d, t.host.Now())
		t.waiters.mu.Unlock()
		if ends {
			t.host.Wake(EndWaits)
		}
	}
}

// endWaits ends the waits that have run out.
func (t *Term) endWaits() (due time.Duration) {
	t.waiters.mu.Lock()
	over, next, ok := t.waiters.table.due(t.host.Now())
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
func (t *Term) endWait(w *wait) {
	t.log(w.endCommand(), w.arrival, func(r fsm.Reply, err error) {
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
	waiting := t.waiters.table.drain()
	t.waiters.mu.Unlock()
	for _, w := range waiting {
		w.respond(fsm.Reply{}, fsm.ErrUnknown)
	}
}

func (s *waiters) pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.len()
}

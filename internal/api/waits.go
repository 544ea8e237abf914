package api

import (
	"sync"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// waits counts the acquires of each address that wait on this node, so that one client cannot fill a queue. A wait that
// ends and keeps its place in the queue is counted for as long as the place is kept, and the next wait of the same
// session for the same lease takes over its count.
type waits struct {
	max int // of one address

	// mu guards byIP; never held while waiting.
	mu   sync.Mutex
	byIP map[string]map[waitKey]*wait
}

type waitKey struct{ name, session string }

type wait struct {
	requests int         // that wait now
	kept     *time.Timer // ends the count of a kept place; nil while requests wait
}

func newWaits(max int) *waits {
	return &waits{max: max, byIP: make(map[string]map[waitKey]*wait)}
}

// enter counts a wait in, unless the address has as many as it may. leave counts it out, keep later, and may be called
// once.
func (w *waits) enter(ip string, key waitKey) (leave func(keep time.Duration), ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	own := w.byIP[ip]
	one := own[key]
	switch {
	case one == nil && len(own) >= w.max:
		return nil, false
	case one == nil:
		if own == nil {
			own = make(map[waitKey]*wait)
			w.byIP[ip] = own
		}
		one = &wait{}
		own[key] = one
	case one.kept != nil:
		one.kept.Stop()
		one.kept = nil
	}
	one.requests++
	return func(keep time.Duration) { w.leave(ip, key, one, keep) }, true
}

func (w *waits) leave(ip string, key waitKey, one *wait, keep time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one.requests--; one.requests > 0 {
		return
	}
	if keep <= 0 {
		w.forget(ip, key)
		return
	}
	var kept *time.Timer
	kept = time.AfterFunc(keep, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if one.kept == kept { // no other wait has taken over
			w.forget(ip, key)
		}
	})
	one.kept = kept
}

// forget needs mu.
func (w *waits) forget(ip string, key waitKey) {
	delete(w.byIP[ip], key)
	if len(w.byIP[ip]) == 0 {
		delete(w.byIP, ip)
	}
}

// kept returns for how long the queue may keep a place after a wait that ended so.
func kept(r *fsm.Reply, err error, gone bool) time.Duration {
	switch {
	case err != nil || gone:
		return duration(fsm.TicketGrace)
	case r.Queued:
		return duration(r.TicketIn)
	}
	return 0
}

package api

import (
	"sync"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// waits counts the waiting acquires of each address on this node, so that one client cannot fill a queue. If a wait
// ends and its place in the queue is kept, it counts while the place is kept, and the next wait of the same session for
// the same lease replaces it.
type waits struct {
	max int // for one address

	// mu guards byIP; never held while waiting.
	mu   sync.Mutex
	byIP map[string]map[waitKey]*wait
}

type waitKey struct{ name, session string }

type wait struct {
	requests int         // requests that wait now
	kept     *time.Timer // removes a kept place from the count; nil while requests wait
}

func newWaits(max int) *waits {
	return &waits{max: max, byIP: make(map[string]map[waitKey]*wait)}
}

// enter counts a wait, or returns false if its address has the maximum number of waits. leave removes it from the count
// after keep, and must be called once.
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
		if one.kept == kept { // no other wait has replaced it
			w.forget(ip, key)
		}
	})
	one.kept = kept
}

// forget removes a wait from the count. The caller must hold mu.
func (w *waits) forget(ip string, key waitKey) {
	delete(w.byIP[ip], key)
	if len(w.byIP[ip]) == 0 {
		delete(w.byIP, ip)
	}
}

// kept returns the maximum time for which the queue keeps the place after a wait with this result.
func kept(r *fsm.Reply, err error, gone bool) time.Duration {
	switch {
	case err != nil || gone:
		return duration(fsm.TicketGrace)
	case r.Queued:
		return duration(r.TicketIn)
	}
	return 0
}

package limits

import (
	"sync"
	"time"
)

// Waits counts the waiting acquires of each address on this node, so that one client cannot fill a queue. If a wait
// ends and its place in the queue is kept, it counts while the place is kept, and the next wait of the same session for
// the same lease replaces it.
type Waits struct {
	max int // for one address

	// mu guards byIP; never held while waiting.
	mu   sync.Mutex
	byIP map[string]map[Wait]*counted
}

// Wait names what a session waits for.
type Wait struct{ Lease, Session string }

type counted struct {
	requests int         // requests that wait now
	kept     *time.Timer // removes a kept place from the count; nil while requests wait
}

// NewWaits returns a count with a maximum for each address.
func NewWaits(max int) *Waits {
	return &Waits{max: max, byIP: make(map[string]map[Wait]*counted)}
}

// Enter counts a wait, or returns false if its address has the maximum number of waits. leave removes it from the count
// after keep, and must be called once.
func (w *Waits) Enter(ip string, key Wait) (leave func(keep time.Duration), ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	own := w.byIP[ip]
	one := own[key]
	switch {
	case one == nil && len(own) >= w.max:
		return nil, false
	case one == nil:
		if own == nil {
			own = make(map[Wait]*counted)
			w.byIP[ip] = own
		}
		one = &counted{}
		own[key] = one
	case one.kept != nil:
		one.kept.Stop()
		one.kept = nil
	}
	one.requests++
	return func(keep time.Duration) { w.leave(ip, key, one, keep) }, true
}

func (w *Waits) leave(ip string, key Wait, one *counted, keep time.Duration) {
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
func (w *Waits) forget(ip string, key Wait) {
	delete(w.byIP[ip], key)
	if len(w.byIP[ip]) == 0 {
		delete(w.byIP, ip)
	}
}

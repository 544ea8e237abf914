package api

import (
	"sync"

	"github.com/lockd/lockd/internal/access"
)

// watching counts the watches of this node by the scopes of quotas.
type watching struct {
	mu sync.Mutex
	of map[string]int
}

// enter counts a watch of a name, or of a prefix, for the quota that covers all of it. It returns false if the quota is
// used up. Leave can be called once.
func (w *watching) enter(quotas []access.Quota, name string) (leave func(), ok bool) {
	for i := range quotas {
		q := &quotas[i]
		if q.Watchers == 0 || !q.Covers(name) {
			continue
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if uint64(w.of[q.Scope]) >= q.Watchers { //nolint:gosec // a count
			return nil, false
		}
		if w.of == nil {
			w.of = make(map[string]int)
		}
		w.of[q.Scope]++
		return func() { w.leave(q.Scope) }, true
	}
	return func() {}, true
}

func (w *watching) leave(scope string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of[scope]--; w.of[scope] == 0 {
		delete(w.of, scope)
	}
}

func (w *watching) count(scope string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.of[scope]
}

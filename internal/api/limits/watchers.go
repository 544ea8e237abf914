package limits

import (
	"strings"
	"sync"

	"github.com/lockd/lockd/internal/access"
)

// Watchers counts the watches of this node by the scopes of quotas. The zero value has none.
type Watchers struct {
	mu sync.Mutex
	of map[string]int
}

// Enter counts a watch of a name, or of a prefix, for each quota whose leases it may show. It returns false if one of
// them is used up. Leave can be called once.
func (w *Watchers) Enter(quotas []access.Quota, name, prefix string) (leave func(), ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var scopes []string
	for i := range quotas {
		q := &quotas[i]
		if q.Watchers == 0 || !shows(q, name, prefix) {
			continue
		}
		if uint64(w.of[q.Scope]) >= q.Watchers { //nolint:gosec // a count
			return nil, false
		}
		scopes = append(scopes, q.Scope)
	}
	if w.of == nil {
		w.of = make(map[string]int)
	}
	for _, scope := range scopes {
		w.of[scope]++
	}
	return func() { w.leave(scopes) }, true
}

// shows reports whether a watch may show a lease in the scope of a quota.
func shows(q *access.Quota, name, prefix string) bool {
	if name != "" {
		return q.Covers(name)
	}
	return q.Scope == "*" || q.Covers(prefix) || strings.HasPrefix(q.Scope, prefix)
}

func (w *Watchers) leave(scopes []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, scope := range scopes {
		if w.of[scope]--; w.of[scope] == 0 {
			delete(w.of, scope)
		}
	}
}

// Count returns the number of watches in a scope.
func (w *Watchers) Count(scope string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.of[scope]
}

package cluster

import (
	"container/heap"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// waits is the leader's table of acquires that wait: an entry each, and no
// goroutine. It is pure and not safe for concurrent use; the term guards it.
type waits struct {
	byKey map[waitKey]*wait
	byEnd waitHeap
}

type waitKey struct{ name, session string }

type wait struct {
	key     waitKey
	attach  fsm.Attach
	arrival time.Duration
	end     time.Duration // when the wait runs out
	respond func(fsm.Reply, error)
	index   int // in byEnd; -1: out of it
}

// maxWaits bounds the table.
const maxWaits = 100_000

func newWaits() *waits { return &waits{byKey: make(map[waitKey]*wait)} }

// add enters a wait; the newest of a session wins, and the one before is returned.
func (t *waits) add(w *wait) (superseded *wait) {
	old := t.byKey[w.key]
	if old != nil {
		t.remove(old)
	}
	t.byKey[w.key] = w
	heap.Push(&t.byEnd, w)
	return old
}

// remove takes a wait out, and reports whether it was still there: whoever
// removes it answers it.
func (t *waits) remove(w *wait) bool {
	if t.byKey[w.key] != w {
		return false
	}
	delete(t.byKey, w.key)
	if w.index >= 0 {
		heap.Remove(&t.byEnd, w.index)
	}
	return true
}

// granted takes out the wait that a grant answers, if it stands in the table
// under the grant's own attempt.
func (t *waits) granted(g fsm.Grant) *wait {
	w := t.byKey[waitKey{g.Name, g.Hold.Session}]
	if w == nil || w.attach != g.Hold.Attach {
		return nil
	}
	t.remove(w)
	return w
}

// left takes out the wait that a clean-up ends.
func (t *waits) left(c *fsm.Leave) *wait {
	w := t.byKey[waitKey{c.Name, c.Session}]
	if w == nil || w.attach != c.Attach {
		return nil
	}
	t.remove(w)
	return w
}

// due returns the waits that have run out; they stay in the table until their
// Park is answered. Next is when the next one ends, where there is one.
func (t *waits) due(now time.Duration) (due []*wait, next time.Duration, ok bool) {
	for len(t.byEnd) > 0 {
		w := t.byEnd[0]
		if w.end > now {
			return due, w.end, true
		}
		heap.Pop(&t.byEnd)
		due = append(due, w)
	}
	return due, 0, false
}

// drain takes out every wait.
func (t *waits) drain() []*wait {
	all := make([]*wait, 0, len(t.byKey))
	for _, w := range t.byKey {
		all = append(all, w)
	}
	*t = *newWaits()
	return all
}

type waitHeap []*wait

func (h waitHeap) Len() int           { return len(h) }
func (h waitHeap) Less(i, j int) bool { return h[i].end < h[j].end }
func (h waitHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *waitHeap) Push(x any) {
	w := x.(*wait)
	w.index = len(*h)
	*h = append(*h, w)
}

func (h *waitHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	w.index = -1
	return w
}

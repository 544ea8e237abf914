package leader

import (
	"cmp"
	"container/heap"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// Waits is the leader's table of acquires that wait: an entry each, and no
// goroutine. It is not safe for concurrent use.
type Waits struct {
	byKey map[waitKey]*Wait
	byEnd waitHeap
}

type waitKey struct{ name, session string }

// A Wait is one acquire that waits.
type Wait struct {
	Name, Session string
	Attach        fsm.Attach
	Arrival       time.Duration
	End           time.Duration // when it runs out
	Respond       func(fsm.Reply, error)

	index  int  // in byEnd; -1: out of it
	queued bool // its acquire is applied, and its ticket stood in the queue
}

// Queued reports whether the acquire is applied and has got its ticket. Until then
// what becomes of it is unknown.
func (w *Wait) Queued() bool { return w.queued }

func (w *Wait) key() waitKey { return waitKey{w.Name, w.Session} }

// Park returns the command that ends the wait when it has run out; its result
// is the answer.
func (w *Wait) Park() *fsm.Park {
	return &fsm.Park{Name: w.Name, Session: w.Session, Attach: w.Attach}
}

// MaxWaits bounds the table.
const MaxWaits = 100_000

// NewWaits returns an empty table.
func NewWaits() *Waits { return &Waits{byKey: make(map[waitKey]*Wait)} }

// Add enters a wait; the newest of a session wins, and the one before is returned.
// It does not run out before Queued.
func (t *Waits) Add(w *Wait) (superseded *Wait) {
	old := t.byKey[w.key()]
	if old != nil {
		t.Remove(old)
	}
	t.byKey[w.key()], w.index = w, -1
	return old
}

// Queued notes that the acquire is applied and its ticket stands in the queue:
// from now on the wait may run out. A Park that overtook its acquire would find
// nothing to park, and the caller would be refused what it is granted later.
func (t *Waits) Queued(w *Wait) {
	if t.byKey[w.key()] == w && !w.queued {
		w.queued = true
		heap.Push(&t.byEnd, w)
	}
}

// Remove takes a wait out, and reports whether it was still there: whoever
// removes it answers it.
func (t *Waits) Remove(w *Wait) bool {
	if t.byKey[w.key()] != w {
		return false
	}
	delete(t.byKey, w.key())
	if w.index >= 0 {
		heap.Remove(&t.byEnd, w.index)
	}
	return true
}

// Granted takes out the wait that a grant answers, if it stands in the table
// under the grant's own attempt.
func (t *Waits) Granted(g fsm.Grant) *Wait {
	w := t.byKey[waitKey{g.Name, g.Hold.Session}]
	if w == nil || w.Attach != g.Hold.Attach {
		return nil
	}
	t.Remove(w)
	return w
}

// Departed lets a wait run out now whose ticket has left the queue, as its session
// asked: it waits for nothing. It reports whether there is one.
func (t *Waits) Departed(d fsm.Departure, now time.Duration) bool {
	w := t.byKey[waitKey{d.Name, d.Session}]
	if w == nil || w.Attach != d.Attach {
		return false
	}
	w.End = min(w.End, now)
	if w.index >= 0 {
		heap.Fix(&t.byEnd, w.index)
	}
	return true
}

// Left takes out the wait that a clean-up ends.
func (t *Waits) Left(c *fsm.Leave) *Wait {
	w := t.byKey[waitKey{c.Name, c.Session}]
	if w == nil || w.Attach != c.Attach {
		return nil
	}
	t.Remove(w)
	return w
}

// Due returns the waits in the queue that have run out; they stay in the table until their
// Park is answered. Next is when the next one ends, where there is one.
func (t *Waits) Due(now time.Duration) (due []*Wait, next time.Duration, ok bool) {
	for len(t.byEnd) > 0 {
		w := t.byEnd[0]
		if w.End > now {
			return due, w.End, true
		}
		heap.Pop(&t.byEnd)
		due = append(due, w)
	}
	return due, 0, false
}

// Len returns how many waits there are.
func (t *Waits) Len() int { return len(t.byKey) }

// Drain takes out every wait, in the order of names and sessions.
func (t *Waits) Drain() []*Wait {
	all := slices.SortedFunc(maps.Values(t.byKey), func(a, b *Wait) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Session, b.Session))
	})
	*t = *NewWaits()
	return all
}

type waitHeap []*Wait

func (h waitHeap) Len() int           { return len(h) }
func (h waitHeap) Less(i, j int) bool { return h[i].End < h[j].End }
func (h waitHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *waitHeap) Push(x any) {
	w := x.(*Wait)
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
